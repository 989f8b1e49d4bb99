//! Judges whether a run lost, doubled or disordered messages, from what was acknowledged, what is
//! stored and what a subscriber received.

use std::collections::{HashMap, HashSet};

/// A message that the server acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who sent it; the sends of one sender follow each other.
    pub sender: usize,
    /// The client's own id of the send.
    pub key: String,
    pub id: String,
    pub seq: u64,
}

/// A message as a later reading of the whole channel shows it, in the order shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub id: String,
    pub seq: u64,
}

/// A message as a subscriber got it, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub id: String,
    pub seq: u64,
    /// Offset in the channel's stream.
    pub offset: u64,
}

/// Everything known about a run.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Keys of all sends that were begun, acknowledged or not.
    pub attempted: Vec<String>,
    /// In the order in which each sender got them.
    pub acknowledged: Vec<Acknowledged>,
    pub stored: Vec<Stored>,
    /// `None` if nobody listened. A listener must have received everything stored.
    pub received: Option<Vec<Received>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Acknowledged, but not stored.
    Lost {
        key: String,
    },
    /// Acknowledged under another id or seq than it is stored with.
    Changed {
        key: String,
    },
    /// One send, several stored messages.
    StoredTwice {
        key: String,
    },
    /// Stored, but nobody tried to send it.
    Unsought {
        key: String,
    },
    /// The stored order does not rise by seq.
    StoredOutOfOrder {
        seq: u64,
    },
    /// A seq is missing among the stored.
    Hole {
        seq: u64,
    },
    /// A sender's later message has the lower seq.
    SenderOutOfOrder {
        key: String,
    },
    /// Stored, but the subscriber did not get it.
    NotReceived {
        id: String,
    },
    ReceivedTwice {
        id: String,
    },
    /// Offsets or seqs fell at the subscriber.
    ReceivedOutOfOrder {
        id: String,
    },
    /// Received, but not stored.
    ReceivedUnstored {
        id: String,
    },
}

/// All faults of a run; empty = none.
pub fn judge(evidence: &Evidence) -> Vec<Fault> {
    let mut faults = stored_faults(evidence);
    faults.extend(acknowledged_faults(evidence));
    if let Some(received) = &evidence.received {
        faults.extend(received_faults(&evidence.stored, received));
    }
    faults
}

/// Fails with the faults of a run and its sizes.
#[track_caller]
pub fn assert_faultless(evidence: &Evidence) {
    let faults = judge(evidence);
    let (acknowledged, stored) = (evidence.acknowledged.len(), evidence.stored.len());
    assert!(
        faults.is_empty(),
        "{} faults among {acknowledged} acknowledged and {stored} stored, first: {:#?}",
        faults.len(),
        &faults[..faults.len().min(10)]
    );
}

fn stored_faults(evidence: &Evidence) -> Vec<Fault> {
    let attempted: HashSet<&str> = evidence.attempted.iter().map(String::as_str).collect();
    let mut faults = Vec::new();
    let (mut keys, mut ids) = (HashSet::new(), HashSet::new());
    let mut last = 0;
    for Stored { key, id, seq } in &evidence.stored {
        if !keys.insert(key) || !ids.insert(id) {
            faults.push(Fault::StoredTwice { key: key.clone() });
        }
        if !attempted.contains(key.as_str()) {
            faults.push(Fault::Unsought { key: key.clone() });
        }
        if *seq <= last {
            faults.push(Fault::StoredOutOfOrder { seq: *seq });
        }
        if *seq > last + 1 {
            faults.push(Fault::Hole { seq: last + 1 });
        }
        last = last.max(*seq);
    }
    faults
}

fn acknowledged_faults(evidence: &Evidence) -> Vec<Fault> {
    let stored: HashMap<&str, &Stored> = evidence.stored.iter().map(|one| (one.key.as_str(), one)).collect();
    let mut faults = Vec::new();
    let mut last_of: HashMap<usize, u64> = HashMap::new();
    for Acknowledged { sender, key, id, seq } in &evidence.acknowledged {
        match stored.get(key.as_str()) {
            None => faults.push(Fault::Lost { key: key.clone() }),
            Some(one) if one.id != *id || one.seq != *seq => faults.push(Fault::Changed { key: key.clone() }),
            Some(_) => {}
        }
        if last_of.insert(*sender, *seq).is_some_and(|last| last >= *seq) {
            faults.push(Fault::SenderOutOfOrder { key: key.clone() });
        }
    }
    faults
}

fn received_faults(stored: &[Stored], received: &[Received]) -> Vec<Fault> {
    let known: HashSet<&str> = stored.iter().map(|one| one.id.as_str()).collect();
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    let (mut last_seq, mut last_offset) = (0, 0);
    for Received { id, seq, offset } in received {
        if !seen.insert(id.as_str()) {
            faults.push(Fault::ReceivedTwice { id: id.clone() });
        } else if *seq <= last_seq || *offset <= last_offset {
            faults.push(Fault::ReceivedOutOfOrder { id: id.clone() });
        }
        if !known.contains(id.as_str()) {
            faults.push(Fault::ReceivedUnstored { id: id.clone() });
        }
        (last_seq, last_offset) = (last_seq.max(*seq), last_offset.max(*offset));
    }
    let missing = stored.iter().filter(|one| !seen.contains(one.id.as_str()));
    faults.extend(missing.map(|one| Fault::NotReceived { id: one.id.clone() }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(prefix: &str, seq: u64) -> String {
        format!("{prefix}{seq}")
    }

    /// Ten messages of two senders, all well.
    fn sound() -> Evidence {
        let seqs = 1..=10_u64;
        Evidence {
            attempted: seqs.clone().map(|seq| name("k", seq)).chain(["in flight".into()]).collect(),
            acknowledged: seqs
                .clone()
                .map(|seq| Acknowledged {
                    sender: (seq % 2) as usize,
                    key: name("k", seq),
                    id: name("m", seq),
                    seq,
                })
                .collect(),
            stored: seqs.clone().map(|seq| Stored { key: name("k", seq), id: name("m", seq), seq }).collect(),
            received: Some(seqs.map(|seq| Received { id: name("m", seq), seq, offset: seq * 2 }).collect()),
        }
    }

    #[track_caller]
    fn reports(change: impl FnOnce(&mut Evidence), expected: Fault) {
        let mut evidence = sound();
        change(&mut evidence);
        let faults = judge(&evidence);
        assert!(faults.contains(&expected), "{expected:?} not among {faults:?}");
    }

    #[test]
    fn a_sound_run_has_no_faults() {
        assert_eq!(judge(&sound()), []);
        let unheard = Evidence { received: None, ..sound() };
        assert_eq!(judge(&unheard), []);
    }

    #[test]
    fn a_stored_message_without_an_acknowledgement_is_no_fault() {
        let mut evidence = sound();
        evidence.stored.push(Stored { key: "in flight".into(), id: "m11".into(), seq: 11 });
        evidence.received = None;
        assert_eq!(judge(&evidence), []);
    }

    #[test]
    fn a_lost_message_is_reported() {
        reports(|run| drop(run.stored.remove(9)), Fault::Lost { key: "k10".into() });
    }

    #[test]
    fn a_message_stored_twice_is_reported() {
        let twice = Stored { key: "k3".into(), id: "m11".into(), seq: 11 };
        reports(|run| run.stored.push(twice), Fault::StoredTwice { key: "k3".into() });
    }

    #[test]
    fn stored_disorder_is_reported() {
        reports(|run| run.stored.swap(3, 4), Fault::StoredOutOfOrder { seq: 4 });
    }

    #[test]
    fn a_hole_is_reported() {
        reports(|run| drop(run.stored.remove(4)), Fault::Hole { seq: 5 });
    }

    #[test]
    fn a_message_that_changed_its_number_is_reported() {
        reports(|run| run.acknowledged[2].seq = 12, Fault::Changed { key: "k3".into() });
    }

    #[test]
    fn a_message_from_nowhere_is_reported() {
        let ghost = Stored { key: "ghost".into(), id: "m11".into(), seq: 11 };
        reports(|run| run.stored.push(ghost), Fault::Unsought { key: "ghost".into() });
    }

    #[test]
    fn disorder_between_the_sends_of_one_sender_is_reported() {
        reports(|run| run.acknowledged.swap(2, 4), Fault::SenderOutOfOrder { key: "k3".into() });
    }

    #[test]
    fn a_message_that_did_not_arrive_is_reported() {
        reports(|run| drop(run.received.as_mut().unwrap().remove(6)), Fault::NotReceived { id: "m7".into() });
    }

    #[test]
    fn a_message_that_arrived_twice_is_reported() {
        let again = Received { id: "m2".into(), seq: 2, offset: 4 };
        reports(|run| run.received.as_mut().unwrap().push(again), Fault::ReceivedTwice { id: "m2".into() });
    }

    #[test]
    fn arrival_out_of_order_is_reported() {
        reports(
            |run| run.received.as_mut().unwrap().swap(5, 6),
            Fault::ReceivedOutOfOrder { id: "m6".into() },
        );
    }

    #[test]
    fn a_message_that_arrived_but_was_never_stored_is_reported() {
        let ghost = Received { id: "ghost".into(), seq: 11, offset: 40 };
        reports(
            |run| run.received.as_mut().unwrap().push(ghost),
            Fault::ReceivedUnstored { id: "ghost".into() },
        );
    }
}
