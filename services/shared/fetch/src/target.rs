//! What may be opened, judged by the address as it is written.

use std::net::IpAddr;

use url::{Host, Url};

use crate::failure::Refusal;

/// Ports of HTTP and those that anybody may listen on; the rest belong to other services (mail, shells).
const HTTP_PORTS: [u16; 2] = [80, 443];
const FREE_PORTS: std::ops::RangeInclusive<u16> = 1024..=u16::MAX;

/// Judges scheme, credentials, port and, where the host is an address, the address. The parser has made
/// decimal, octal and hexadecimal spellings of IPv4 one. Names are judged when they are resolved.
pub(crate) fn check(url: &Url, may_reach: impl Fn(IpAddr) -> bool) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Url);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let port = url.port_or_known_default().ok_or(Refusal::Url)?;
    if !HTTP_PORTS.contains(&port) && !FREE_PORTS.contains(&port) {
        return Err(Refusal::Port);
    }
    let reachable = match url.host().ok_or(Refusal::Url)? {
        Host::Ipv4(address) => may_reach(address.into()),
        Host::Ipv6(address) => may_reach(address.into()),
        Host::Domain(_) => true,
    };
    if reachable { Ok(()) } else { Err(Refusal::Address) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::is_public;

    fn judge(url: &str) -> Result<(), Refusal> {
        check(&Url::parse(url).unwrap(), is_public)
    }

    #[test]
    fn addresses_are_recognised_however_they_are_spelled() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://0/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.０.０.１/",
            "http://①②⑦.0.0.1/",
            "http://127。0。0。1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0xa9fea9fe/",
            "http://[::1]/",
            "http://[::]/",
            "http://[0:0:0:0:0:ffff:7f00:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[fd00:ec2::254]/",
            "https://192.168.1.1:8443/",
        ] {
            assert_eq!(judge(url), Err(Refusal::Address), "{url}");
        }
        for url in
            ["http://8.8.8.8/", "http://134744072/", "https://[2606:4700:4700::1111]/", "http://a.example"]
        {
            assert_eq!(judge(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn other_schemes_credentials_and_ports_of_other_services_are_refused() {
        for url in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "data:text/html,x",
            "gopher://a.example/",
            "javascript:1",
        ] {
            assert_eq!(judge(url), Err(Refusal::Url), "{url}");
        }
        for url in ["http://me@a.example/", "http://me:secret@a.example/", "https://:secret@a.example/"] {
            assert_eq!(judge(url), Err(Refusal::Credentials), "{url}");
        }
        for port in [0, 1, 21, 22, 23, 25, 53, 81, 110, 143, 444, 465, 587, 993, 1023] {
            assert_eq!(judge(&format!("http://a.example:{port}/")), Err(Refusal::Port), "{port}");
        }
        for port in [80, 443, 1024, 3000, 8080, 65535] {
            assert_eq!(judge(&format!("http://a.example:{port}/")), Ok(()), "{port}");
        }
    }
}
