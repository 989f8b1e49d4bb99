//! The rules of positions: what to do with a live entry, and what a returning client gets.

/// Something with a place in a stream.
pub trait Placed {
    fn offset(&self) -> u64;
}

/// A live entry against the newest position that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The next one: deliver it.
    Next,
    /// Delivered before: drop it.
    Old,
    /// Entries before it are missing, or the log is another one: read the log first.
    Gap,
}

/// Compares a persistent entry (`offset` > 0) with the position (`epoch`, `top`).
pub fn judge(epoch: &str, top: u64, entry_epoch: &str, entry_offset: u64) -> Judgement {
    if !entry_epoch.is_empty() && entry_epoch != epoch {
        return Judgement::Gap;
    }
    match entry_offset {
        offset if offset <= top => Judgement::Old,
        offset if offset == top + 1 => Judgement::Next,
        _ => Judgement::Gap,
    }
}

/// Where a returning client stopped.
#[derive(Debug, Clone, Copy)]
pub struct Requested<'a> {
    /// Empty = none sent: not compared.
    pub epoch: &'a str,
    pub offset: u64,
}

impl Requested<'_> {
    /// Whether the position belongs to a log of this epoch, as far as it says.
    pub fn is_of(&self, epoch: &str) -> bool {
        self.epoch.is_empty() || self.epoch == epoch
    }
}

/// What a returning client gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Recovery<T> {
    /// Everything after the requested offset, in order; `position` is the offset of the last.
    Complete { entries: Vec<T>, position: u64 },
    /// Something is lost for good: start anew from the live position.
    Lost,
    /// The parts at hand do not meet; a new attempt will find them in the log.
    Broken,
}

/// Merges what is known of a stream into what a client misses.
///
/// `epoch` and `live` are the position up to which live entries have been handed out; the client is
/// given later ones as they come. `log_top` is the newest offset that the log had when it was asked,
/// if it was. The `parts` (log, recent ones, those buffered meanwhile) ascend each; they may overlap.
pub fn recover<T: Placed + Clone>(
    requested: Requested<'_>,
    epoch: &str,
    live: u64,
    log_top: Option<u64>,
    parts: &[&[T]],
) -> Recovery<T> {
    if !requested.is_of(epoch) {
        return Recovery::Lost;
    }
    let top = live.max(log_top.unwrap_or(0));
    if requested.offset > top {
        return Recovery::Lost;
    }
    let mut position = requested.offset;
    let mut entries = Vec::new();
    // Each round continues from whichever part has the next entry, for as long as it goes on.
    while let Some((part, start)) = parts.iter().find_map(|part| {
        let start = part.partition_point(|entry| entry.offset() <= position);
        part.get(start).filter(|entry| entry.offset() == position + 1).map(|_| (part, start))
    }) {
        for entry in &part[start..] {
            if entry.offset() != position + 1 {
                break;
            }
            position += 1;
            entries.push(entry.clone());
        }
    }
    if position >= top {
        Recovery::Complete { entries, position }
    } else if log_top.is_some_and(|log_top| position >= log_top) && position > requested.offset {
        Recovery::Broken
    } else {
        Recovery::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Placed for u64 {
        fn offset(&self) -> u64 {
            *self
        }
    }

    fn asked(epoch: &str, offset: u64) -> Requested<'_> {
        Requested { epoch, offset }
    }

    fn complete(entries: &[u64], position: u64) -> Recovery<u64> {
        Recovery::Complete { entries: entries.to_vec(), position }
    }

    #[test]
    fn live_entries_are_judged_by_offset_and_epoch() {
        assert_eq!(judge("E", 4, "E", 5), Judgement::Next);
        assert_eq!(judge("E", 4, "", 5), Judgement::Next);
        assert_eq!(judge("E", 4, "E", 4), Judgement::Old);
        assert_eq!(judge("E", 4, "E", 1), Judgement::Old);
        assert_eq!(judge("E", 4, "E", 6), Judgement::Gap);
        assert_eq!(judge("E", 4, "F", 5), Judgement::Gap);
        assert_eq!(judge("E", 4, "F", 1), Judgement::Gap);
    }

    #[test]
    fn nothing_newer_is_recovered_only_at_the_top() {
        assert_eq!(recover::<u64>(asked("E", 7), "E", 7, None, &[]), complete(&[], 7));
        assert_eq!(recover::<u64>(asked("E", 8), "E", 7, Some(7), &[]), Recovery::Lost);
        assert_eq!(recover::<u64>(asked("E", 6), "E", 7, Some(7), &[]), Recovery::Lost);
        assert_eq!(recover::<u64>(asked("E", 0), "E", 0, Some(0), &[]), complete(&[], 0));
    }

    #[test]
    fn another_epoch_is_never_recovered_and_an_unsent_one_not_compared() {
        assert_eq!(recover::<u64>(asked("F", 7), "E", 7, None, &[]), Recovery::Lost);
        assert_eq!(recover::<u64>(asked("_", 0), "E", 0, None, &[]), Recovery::Lost);
        assert_eq!(recover::<u64>(asked("", 7), "E", 7, None, &[]), complete(&[], 7));
    }

    #[test]
    fn parts_are_merged_without_duplicates() {
        let parts: &[&[u64]] = &[&[4, 5, 6], &[5, 6, 7], &[7, 8]];
        assert_eq!(recover(asked("E", 3), "E", 8, Some(6), parts), complete(&[4, 5, 6, 7, 8], 8));
        assert_eq!(recover(asked("E", 5), "E", 8, Some(6), parts), complete(&[6, 7, 8], 8));
    }

    #[test]
    fn a_log_ahead_of_the_live_position_counts() {
        assert_eq!(recover(asked("E", 3), "E", 4, Some(6), &[&[4, 5, 6]]), complete(&[4, 5, 6], 6));
        assert_eq!(recover::<u64>(asked("E", 6), "E", 4, Some(6), &[]), complete(&[], 6));
    }

    #[test]
    fn a_trimmed_log_is_lost_and_a_hole_behind_the_log_is_broken() {
        assert_eq!(recover(asked("E", 3), "E", 8, Some(8), &[&[6, 7, 8]]), Recovery::Lost);
        assert_eq!(recover(asked("E", 3), "E", 9, Some(5), &[&[4, 5], &[8, 9]]), Recovery::Broken);
        assert_eq!(recover(asked("E", 3), "E", 9, Some(9), &[&[4, 5]]), Recovery::Lost);
    }

    proptest! {
        /// A stream of `top` entries; the client has seen some; the log was read at one moment, live
        /// entries were buffered from an earlier one on, and later ones follow live.
        #[test]
        fn any_interleaving_gives_each_entry_once_in_order(
            top in 1u64..60, seen in 0u64..60, registered in 0u64..60, read in 0u64..60, live in 0u64..60,
            recent in 0u64..60
        ) {
            let seen = seen.min(top);
            // Registered before the log was read; live delivery may lag behind the log or not.
            let registered = registered.min(top);
            let read = read.clamp(registered.max(seen), top.max(registered));
            let live = live.clamp(registered, top);
            let log: Vec<u64> = (seen + 1..=read).collect();
            let ring: Vec<u64> = (recent.min(live) + 1..=live).collect();
            let buffered: Vec<u64> = (registered + 1..=live).collect();
            let outcome = recover(asked("E", seen), "E", live, Some(read), &[&log, &ring, &buffered]);
            let Recovery::Complete { mut entries, position } = outcome else {
                return Err(TestCaseError::fail("everything was at hand"));
            };
            // What follows live and is newer than the client's position.
            entries.extend((live + 1..=top).filter(|offset| *offset > position));
            prop_assert_eq!(entries, (seen + 1..=top).collect::<Vec<_>>());
        }

        #[test]
        fn duplicated_and_missing_live_entries_never_skip(
            arrivals in prop::collection::vec(1u64..20, 0..60)
        ) {
            let mut top = 0;
            let mut delivered = Vec::new();
            for offset in arrivals {
                match judge("E", top, "E", offset) {
                    Judgement::Next => { top = offset; delivered.push(offset); }
                    Judgement::Old => {}
                    Judgement::Gap => { delivered.extend(top + 1..=offset); top = offset; }
                }
            }
            prop_assert_eq!(delivered, (1..=top).collect::<Vec<_>>());
        }
    }
}
