use std::collections::HashMap;

use parking_lot::Mutex;
use parlance_core::Micros;

use crate::domain::backoff;
use crate::store::deliveries::LaneKey;

/// Which push services fail, so that one that is dead is asked now and then, with one delivery.
#[derive(Default)]
pub struct Circuits(Mutex<HashMap<LaneKey, Circuit>>);

#[derive(Clone, Copy)]
struct Circuit {
    /// Failures in a row.
    failures: u32,
    open_until: Micros,
}

/// How a lane may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Freely,
    /// With one delivery, to find out whether it answers again.
    Try,
    /// Not before this.
    NotBefore(Micros),
}

impl Circuits {
    pub fn ask(&self, lane: LaneKey, now: Micros) -> Use {
        match self.0.lock().get(&lane) {
            None => Use::Freely,
            Some(circuit) if circuit.open_until > now => Use::NotBefore(circuit.open_until),
            Some(_) => Use::Try,
        }
    }

    /// It has answered. True = it had failed before.
    pub fn answered(&self, lane: LaneKey) -> bool {
        self.0.lock().remove(&lane).is_some()
    }

    /// It has failed altogether; gives when it is to be asked again: not before `wanted`.
    pub fn failed(&self, lane: LaneKey, now: Micros, wanted: Option<Micros>) -> Micros {
        let mut circuits = self.0.lock();
        let circuit = circuits.entry(lane).or_insert(Circuit { failures: 0, open_until: now });
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

    #[test]
    fn what_fails_is_left_alone_for_longer_and_longer_then_tried_with_one() {
        let circuits = Circuits::default();
        let lane = LaneKey { app: Uuid::nil(), provider: 1 };
        let mut now = Micros::from_secs(1_790_000_000);
        assert_eq!(circuits.ask(lane, now), Use::Freely);
        for _ in 0..5 {
            let until = circuits.failed(lane, now, None);
            assert_eq!(circuits.ask(lane, now), Use::NotBefore(until));
            now = until;
            assert_eq!(circuits.ask(lane, now), Use::Try);
        }
        let wanted = now + Duration::from_secs(3600);
        assert_eq!(circuits.failed(lane, now, Some(wanted)), wanted);
        assert!(circuits.answered(lane));
        assert!(!circuits.answered(lane));
        assert_eq!(circuits.ask(lane, now), Use::Freely);
    }
}
