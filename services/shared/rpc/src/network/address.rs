use std::str::FromStr;

use http::Uri;

/// Where replicas of a service answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// One replica: `http://host:port`.
    One(Uri),
    /// Every address that a name has, looked up again and again: `dns:host:port`.
    Dns { host: String, port: u16 },
}

/// What an address must look like.
#[derive(Debug, thiserror::Error)]
#[error("an address is http://host:port or dns:host:port")]
pub struct NotAnAddress;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(name) = text.strip_prefix("dns:") {
            let (host, port) = name.rsplit_once(':').ok_or(NotAnAddress)?;
            let port = port.parse().map_err(|_| NotAnAddress)?;
            if host.is_empty() || host.contains(['/', ' ', '@']) || port == 0 {
                return Err(NotAnAddress);
            }
            return Ok(Self::Dns { host: host.to_owned(), port });
        }
        let uri: Uri = text.parse().map_err(|_| NotAnAddress)?;
        let plain = uri.scheme_str() == Some("http")
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && uri.port_u16().is_some()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if plain { Ok(Self::One(uri)) } else { Err(NotAnAddress) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_replica_and_a_name_is_many() {
        assert!(matches!("http://10.0.0.5:50051".parse(), Ok(Address::One(_))));
        assert!(matches!("http://[::1]:50051".parse(), Ok(Address::One(_))));
        let dns = Address::Dns { host: "parlance-auth".to_owned(), port: 50051 };
        assert_eq!("dns:parlance-auth:50051".parse::<Address>().unwrap(), dns);
        for wrong in [
            "",
            "host:1",
            "http://host",
            "https://host:1",
            "http://host:1/path",
            "dns:host",
            "dns::1",
            "dns:a:0",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
