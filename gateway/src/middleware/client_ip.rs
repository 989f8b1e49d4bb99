//! The client's address, seen through proxies that we trust.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};

/// The proxies of `gateway.trusted_proxies`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<Network>);

#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Whether all texts are addresses or networks.
pub fn are_proxies(texts: &[String]) -> bool {
    Proxies::new(texts).is_ok()
}

impl Proxies {
    /// Addresses and networks; an error names the first that is neither.
    pub(crate) fn new(texts: &[String]) -> anyhow::Result<Self> {
        texts
            .iter()
            .map(|text| {
                Network::parse(text).ok_or_else(|| {
                    anyhow::anyhow!("gateway.trusted_proxies: {text:?} is no address and no network")
                })
            })
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    /// Whether an address is one of them.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The right-most address of the chain `X-Forwarded-For`, peer that is no trusted proxy.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let mut hops: Vec<&str> = forwarded.map(str::trim).collect();
        while self.trusts(client) {
            // A hop that is not an address was made up: the proxy before it is all we know.
            match hops.pop().and_then(parse_hop) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        client
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(whole);
        (prefix <= whole).then_some(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (u32::from(ours) ^ u32::from(theirs)) & mask == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (u128::from(ours) ^ u128::from(theirs)) & mask == 0
            }
            _ => false,
        }
    }
}

/// An address, with or without a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address =
        bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The address at the other end of the connection; unspecified where there is no connection (tests).
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

/// What one customer holds: an IPv4 address, or the first 64 bits of an IPv6 one.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = Proxies::new(&trusted.iter().map(|&t| t.to_owned()).collect::<Vec<_>>()).unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_speak_for_another_address() {
        assert_eq!(client(&[], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_address_behind_trusted_proxies_counts() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client(&trusted, "10.1.2.3", &["6.6.6.6, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(client(&trusted, "10.1.2.3", &["6.6.6.6", "198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client(&trusted, "fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client(&trusted, "::ffff:10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&trusted, "10.1.2.3", &["nonsense"]), "10.1.2.3");
        assert_eq!(client(&trusted, "10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn odd_networks_are_refused_at_the_start() {
        for odd in ["", "proxy.local", "10.0.0.0/33", "::/129", "10.0.0.0/x"] {
            assert!(Proxies::new(&[odd.to_owned()]).is_err(), "{odd}");
        }
        assert!(Proxies::new(&["0.0.0.0/0".to_owned(), "::/0".to_owned()]).is_ok());
        assert_eq!(client(&["0.0.0.0/0"], "1.2.3.4", &["5.6.7.8"]), "5.6.7.8");
    }

    #[test]
    fn ipv6_addresses_count_by_network() {
        let household = household("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(household.to_string(), "2001:db8:1:2::");
    }
}
