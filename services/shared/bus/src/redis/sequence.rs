//! Losses, seen by the holes in the numbers of each publisher on each topic.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::Topic;

/// A publisher not heard for this long is forgotten when another one appears on its topic.
const FORGOTTEN: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct Sequences(HashMap<Topic, Vec<Last>>);

#[derive(Debug)]
struct Last {
    publisher: u64,
    sequence: u64,
    at: Instant,
}

/// What a number says about those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It follows, or is the first one heard of its publisher here.
    Next,
    /// Some are missing between the last one and it.
    AfterHole,
    /// It should have come earlier.
    Past,
}

impl Sequences {
    pub(super) fn place(&mut self, topic: Topic, publisher: u64, sequence: u64, now: Instant) -> Place {
        let publishers = self.0.entry(topic).or_default();
        let Some(last) = publishers.iter_mut().find(|last| last.publisher == publisher) else {
            publishers.retain(|last| now.duration_since(last.at) < FORGOTTEN);
            publishers.push(Last { publisher, sequence, at: now });
            return Place::Next;
        };
        last.at = now;
        if sequence <= last.sequence {
            return Place::Past;
        }
        let place = if sequence == last.sequence + 1 { Place::Next } else { Place::AfterHole };
        last.sequence = sequence;
        place
    }

    /// The topic was not heard for a while, or no longer will be.
    pub(super) fn forget(&mut self, topic: Topic) {
        self.0.remove(&topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_seen_per_publisher_and_topic_from_the_first_message_heard() {
        let mut sequences = Sequences::default();
        let now = Instant::now();
        let (one, other) = (Topic::Accounts, Topic::Presence);
        let table = [
            (one, 1, 7, Place::Next),
            (one, 1, 8, Place::Next),
            (other, 1, 3, Place::Next),
            (one, 2, 1, Place::Next),
            (one, 1, 10, Place::AfterHole),
            (one, 1, 9, Place::Past),
            (one, 1, 10, Place::Past),
            (one, 1, 11, Place::Next),
        ];
        for (topic, publisher, sequence, place) in table {
            assert_eq!(sequences.place(topic, publisher, sequence, now), place, "{publisher} {sequence}");
        }
        sequences.forget(one);
        assert_eq!(sequences.place(one, 1, 20, now), Place::Next);
    }

    #[test]
    fn publishers_that_ended_are_forgotten() {
        let mut sequences = Sequences::default();
        let now = Instant::now();
        for publisher in 0..100 {
            sequences.place(Topic::Accounts, publisher, 1, now + FORGOTTEN * publisher as u32);
        }
        assert_eq!(sequences.0[&Topic::Accounts].len(), 1);
    }
}
