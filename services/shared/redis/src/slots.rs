//! Which node of a cluster holds a key.

use redis::Value;

const SLOTS: u16 = 16_384;

/// The slot of a key: that of what stands in its first braces, else of the whole key.
pub(crate) fn slot(key: &str) -> u16 {
    let bytes = key.as_bytes();
    let tag = bytes.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &bytes[open + 1..];
        let length = rest.iter().position(|&byte| byte == b'}')?;
        (length > 0).then(|| &rest[..length])
    });
    crc16(tag.unwrap_or(bytes)) % SLOTS
}

/// CRC-16/XMODEM, as Redis' cluster specification asks.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte) << 8,
            |crc: u16, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

/// Ranges of slots and the address (`host:port`) of the master of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots(Vec<(u16, u16, String)>);

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS`; a node without a host is the one that was `asked`.
    pub(crate) fn parse(answer: &Value, asked_host: &str) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let ranges: Option<Vec<_>> = ranges.iter().map(|range| parse_range(range, asked_host)).collect();
        ranges.filter(|ranges| !ranges.is_empty()).map(Self)
    }

    pub(crate) fn owner(&self, slot: u16) -> Option<&str> {
        let range = self.0.iter().find(|(first, last, _)| (*first..=*last).contains(&slot))?;
        Some(&range.2)
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|range| range.2.as_str())
    }
}

fn parse_range(range: &Value, asked_host: &str) -> Option<(u16, u16, String)> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else {
        return None;
    };
    let [host, Value::Int(port), ..] = master.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => std::str::from_utf8(host).ok()?,
        _ => asked_host,
    };
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("a{foo}b"), 12_182);
        assert_eq!(slot("a{foo}{bar}"), 12_182);
        assert_eq!(slot("a{}foo"), crc16(b"a{}foo") % SLOTS);
    }

    #[test]
    fn the_map_of_a_cluster_is_read() {
        let node = |host: &str, port| Value::Array(vec![Value::BulkString(host.into()), Value::Int(port)]);
        let range = |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        let answer = Value::Array(vec![range(0, 99, node("a", 1)), range(100, 16_383, node("", 2))]);
        let slots = Slots::parse(&answer, "asked").unwrap();
        assert_eq!(slots.owner(99), Some("a:1"));
        assert_eq!(slots.owner(100), Some("asked:2"));
        assert_eq!(
            Slots::parse(&Value::Array(vec![range(0, 99, node("a", 1))]), "").unwrap().owner(100),
            None
        );
        assert_eq!(Slots::parse(&Value::Nil, "asked"), None);
    }
}
