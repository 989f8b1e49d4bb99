//! Nums and ids.
//!
//! A *num* is what Parlance's own objects refer to each other by: 63 bits, time-ordered.
//! An *id* is what clients see: their own string, or a UUIDv7 computed from the num, from which
//! the num can be read back without a lookup.

use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use crate::clock::Micros;

/// 41 bits of milliseconds since 2024-01-01, then 22 bits that tell nums of one millisecond apart.
pub type Num = i64;

/// 2024-01-01T00:00:00Z in Unix milliseconds: the zero of a num's time.
const EPOCH_MS: i64 = 1_704_067_200_000;
const LOW_BITS: u32 = 22;

/// Makes rising nums. Two generators with different start points rarely meet within a millisecond;
/// where a clash would matter a unique key decides.
#[derive(Debug)]
pub struct NumGenerator {
    last: AtomicI64,
    salt: i64,
}

impl NumGenerator {
    /// `node` tells processes apart: its low 10 bits become the start point within a millisecond.
    pub fn new(node: u32) -> Self {
        Self { last: AtomicI64::new(0), salt: i64::from(node & 0x3ff) << 12 }
    }

    /// A generator with a random start point.
    pub fn random() -> Self {
        Self::new(rand::random())
    }

    /// The next num: greater than every num that this generator made before.
    pub fn next(&self, now: Micros) -> Num {
        let fresh = ((now.millis() - EPOCH_MS).max(0) << LOW_BITS) | self.salt;
        let previous = self
            .last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(fresh.max(last + 1)))
            .unwrap_or_else(|last| last);
        fresh.max(previous + 1)
    }

    /// The next num that is also greater than `floor`, for numbers that must rise within a channel.
    pub fn next_above(&self, now: Micros, floor: Num) -> Num {
        self.last.fetch_max(floor, Ordering::AcqRel);
        self.next(now)
    }
}

/// Unix milliseconds at which `num` was made.
pub fn millis_of(num: Num) -> i64 {
    (num >> LOW_BITS) + EPOCH_MS
}

/// The UUIDv7 that carries `num`: its time, its low bits, and a checksum in the remaining bits.
pub fn uuid_of(num: Num) -> Uuid {
    let millis = millis_of(num) as u128;
    let low = (num & ((1 << LOW_BITS) - 1)) as u128;
    let (a, b) = (low >> 10, low & 0x3ff);
    let check = (mix(num as u64) >> 12) as u128;
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (a << 64) | (0b10 << 62) | (b << 52) | check)
}

/// The num that a UUID carries; `None` if it is not one of ours.
pub fn num_of(uuid: Uuid) -> Option<Num> {
    let bits = uuid.as_u128();
    let millis = (bits >> 80) as i64;
    let low = ((((bits >> 64) & 0xfff) << 10) | ((bits >> 52) & 0x3ff)) as i64;
    let num = (millis.checked_sub(EPOCH_MS)?.checked_mul(1 << LOW_BITS)?) | low;
    (num > 0 && uuid_of(num) == uuid).then_some(num)
}

/// Reads the num out of the text form of a UUID; `None` if it is not one of ours.
pub fn parse(text: &str) -> Option<Num> {
    // Only the usual 36-character form: the others that the parser knows are not what we print.
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten().and_then(num_of)
}

/// The public id of an object without a client-given one.
pub fn text_of(num: Num) -> String {
    uuid_of(num).to_string()
}

/// A well-mixed 64-bit permutation (the finaliser of SplitMix64).
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Version;

    #[test]
    fn nums_rise_even_if_the_clock_does_not() {
        let nums = NumGenerator::new(7);
        let now = Micros::from_millis(1_800_000_000_000);
        let mut last = 0;
        for step in 0..10_000 {
            let num = nums.next(Micros(now.0 - step));
            assert!(num > last);
            last = num;
        }
        assert!(nums.next_above(now, last + 500) > last + 500);
    }

    #[test]
    fn a_uuid_carries_its_num_and_a_foreign_uuid_none() {
        let nums = NumGenerator::new(1023);
        for step in 0..1000 {
            let num = nums.next(Micros::from_millis(1_790_000_000_000 + step * 7));
            let uuid = uuid_of(num);
            assert_eq!(uuid.get_version(), Some(Version::SortRand));
            assert_eq!(num_of(uuid), Some(num));
            assert_eq!(parse(&uuid.to_string()), Some(num));
        }
        assert_eq!(num_of(Uuid::now_v7()), None);
        assert_eq!(num_of(Uuid::new_v4()), None);
        assert_eq!(num_of(Uuid::nil()), None);
        assert_eq!(parse("not-a-uuid"), None);
    }
}
