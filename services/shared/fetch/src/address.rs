//! Which addresses are public: the special-purpose registries of IANA (RFC 6890), and what clouds have
//! put behind public numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Network and length of its prefix.
type V4 = ([u8; 4], u32);
type V6 = ([u16; 8], u32);

/// IPv4 that is not for everybody.
const V4_SPECIAL: &[V4] = &[
    // This network, unspecified.
    ([0, 0, 0, 0], 8),
    // Private.
    ([10, 0, 0, 0], 8),
    // Shared between a carrier and its customers; the metadata of one cloud.
    ([100, 64, 0, 0], 10),
    // Loopback.
    ([127, 0, 0, 0], 8),
    // The inside of one cloud: its name server, its metadata, its agents.
    ([168, 63, 129, 16], 32),
    // Link-local; the metadata of most clouds.
    ([169, 254, 0, 0], 16),
    // Private.
    ([172, 16, 0, 0], 12),
    // Protocol assignments.
    ([192, 0, 0, 0], 24),
    // Documentation.
    ([192, 0, 2, 0], 24),
    // Relays of 6to4, given up.
    ([192, 88, 99, 0], 24),
    // Private.
    ([192, 168, 0, 0], 16),
    // Benchmarks.
    ([198, 18, 0, 0], 15),
    // Documentation.
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast.
    ([224, 0, 0, 0], 4),
    // Reserved; broadcast.
    ([240, 0, 0, 0], 4),
];

/// IPv6 is public within this network only: all else is unspecified, loopback, unique local, link-local,
/// multicast, discarded or not given out.
const V6_GLOBAL: V6 = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What of it is not for everybody.
const V6_SPECIAL: &[V6] = &[
    // Protocol assignments: Teredo (carries IPv4), benchmarks, ORCHID.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // 6to4 (carries IPv4).
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    // Documentation.
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// How a network without IPv4 reaches IPv4 (RFC 6052); the last 32 bits are the IPv4 address.
const NAT64: V6 = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Whether everybody may reach this address: not loopback, private, shared, link-local, of a cloud's
/// metadata, multicast, reserved or for documentation. IPv6 that carries IPv4 is as public as that, where
/// it is in use (mapped, NAT64), and never public where it is not (compatible, 6to4, Teredo).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !V4_SPECIAL.iter().any(|network| v4_within(address, network))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if v6_within(address, &NAT64) {
        // The last 32 bits.
        return is_public_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    v6_within(address, &V6_GLOBAL) && !V6_SPECIAL.iter().any(|network| v6_within(address, network))
}

fn v4_within(address: Ipv4Addr, (network, prefix): &V4) -> bool {
    let differs = address.to_bits() ^ Ipv4Addr::from(*network).to_bits();
    differs.leading_zeros() >= *prefix
}

fn v6_within(address: Ipv6Addr, (network, prefix): &V6) -> bool {
    let differs = address.to_bits() ^ Ipv6Addr::from(*network).to_bits();
    differs.leading_zeros() >= *prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn every_class_of_internal_address_is_known() {
        for (what, addresses) in [
            ("this network", &["0.0.0.0", "0.1.2.3", "0.255.255.255", "::"][..]),
            (
                "private",
                &[
                    "10.0.0.0",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.0",
                    "192.168.255.255",
                ],
            ),
            ("shared", &["100.64.0.0", "100.100.100.200", "100.127.255.255"]),
            ("loopback", &["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]),
            ("link-local", &["169.254.0.0", "169.254.255.255", "fe80::1", "febf::1"]),
            (
                "metadata",
                &["169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
            ),
            ("protocols", &["192.0.0.0", "192.0.0.255", "2001:0:1::", "2001:1ff:ffff::1", "192.88.99.1"]),
            ("documentation", &["192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1", "3fff:fff::1"]),
            ("benchmarks", &["198.18.0.0", "198.19.255.255", "2001:2::1"]),
            ("multicast", &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"]),
            ("reserved", &["240.0.0.1", "255.255.255.254", "4000::1", "e000::1", "100::1", "5f00::1"]),
            ("broadcast", &["255.255.255.255"]),
            ("unique local", &["fc00::1", "fdff:ffff::1"]),
            ("site-local", &["fec0::1"]),
            ("mapped", &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0"]),
            ("compatible", &["::127.0.0.1", "::10.0.0.1", "::8.8.8.8"]),
            ("6to4", &["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"]),
            (
                "NAT64",
                &["64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"],
            ),
            ("translated", &["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"]),
            ("Teredo", &["2001::80ff:fffe", "2001:0:4136:e378:8000:63bf:3fff:fdd2"]),
        ] {
            for address in addresses {
                assert!(!public(address), "{what}: {address}");
            }
        }
    }

    #[test]
    fn what_lies_beside_a_special_network_is_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(public(address), "{address}");
        }
    }
}
