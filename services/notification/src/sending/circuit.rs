use std::collections::HashMap;

use parking_lot::Mutex;
use parlance_core::Micros;

use crate::domain::backoff;
use crate::store::deliveries::LaneKey;

/// Above this many, those are forgotten that could have been tried for a while.
const MANY: usize = 10_000;

/// What answers or fails as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub lane: LaneKey,
    /// Web Push: the endpoint's origin. Users write it, and what is said there is said of no other.
    pub origin: Option<String>,
}

/// Which push services fail, so that one that is dead is asked now and then, with one delivery.
#[derive(Default)]
pub struct Circuits(Mutex<HashMap<Place, Circuit>>);

#[derive(Clone, Copy)]
struct Circuit {
    /// Failures in a row.
    failures: u32,
    open_until: Micros,
}

/// How a place may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Freely,
    /// With one delivery, to find out whether it answers again.
    Try,
    /// Not before this.
    NotBefore(Micros),
}

impl Circuits {
    pub fn ask(&self, place: &Place, now: Micros) -> Use {
        match self.0.lock().get(place) {
            None => Use::Freely,
            Some(circuit) if circuit.open_until > now => Use::NotBefore(circuit.open_until),
            Some(_) => Use::Try,
        }
    }

    /// It has answered. True = it had failed before.
    pub fn answered(&self, place: &Place) -> bool {
        self.0.lock().remove(place).is_some()
    }

    /// It has failed altogether; gives when it is to be asked again: not before `wanted`.
    pub fn failed(&self, place: &Place, now: Micros, wanted: Option<Micros>) -> Micros {
        let mut circuits = self.0.lock();
        if circuits.len() >= MANY {
            circuits.retain(|_, circuit| circuit.open_until + backoff::LONGEST_HOLD > now);
        }
        let circuit = circuits.entry(place.clone()).or_insert(Circuit { failures: 0, open_until: now });
        circuit.failures = circuit.failures.saturating_add(1);
        let until = now + backoff::hold(circuit.failures, rand::random());
        circuit.open_until = wanted.unwrap_or(until).max(until);
        circuit.open_until
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    fn place(origin: Option<&str>) -> Place {
        let lane = LaneKey { app: Uuid::nil(), provider: 1 };
        Place { lane, origin: origin.map(str::to_owned) }
    }

    #[test]
    fn what_fails_is_left_alone_for_longer_and_longer_then_tried_with_one() {
        let circuits = Circuits::default();
        let place = &place(None);
        let mut now = Micros::from_secs(1_790_000_000);
        assert_eq!(circuits.ask(place, now), Use::Freely);
        for _ in 0..5 {
            let until = circuits.failed(place, now, None);
            assert_eq!(circuits.ask(place, now), Use::NotBefore(until));
            now = until;
            assert_eq!(circuits.ask(place, now), Use::Try);
        }
        let wanted = now + Duration::from_secs(3600);
        assert_eq!(circuits.failed(place, now, Some(wanted)), wanted);
        assert!(circuits.answered(place));
        assert!(!circuits.answered(place));
        assert_eq!(circuits.ask(place, now), Use::Freely);
    }

    #[test]
    fn one_origin_says_nothing_of_another_and_made_up_ones_are_forgotten() {
        let circuits = Circuits::default();
        let mut now = Micros::from_secs(1_790_000_000);
        for n in 0..MANY {
            circuits.failed(&place(Some(&format!("https://{n}.example"))), now, None);
        }
        assert_eq!(circuits.ask(&place(Some("https://push.example")), now), Use::Freely);
        assert_eq!(circuits.ask(&place(None), now), Use::Freely);
        now = now + Duration::from_secs(600);
        circuits.failed(&place(Some("https://push.example")), now, None);
        assert_eq!(circuits.0.lock().len(), 1);
    }
}
