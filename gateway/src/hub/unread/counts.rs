//! The arithmetic of unread counts, without any I/O.

use std::collections::{HashMap, VecDeque};

use parlance_core::Num;

/// Changes kept per channel, to bring a count up to date that was made a little earlier.
const KEPT: usize = 256;

/// A counted message appeared, or was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub offset: u64,
    pub seq: u64,
    pub author: Num,
    pub appeared: bool,
}

impl Change {
    /// What it does to the count of a user with this read position.
    fn effect(&self, user: Num, last_read_seq: u64) -> i64 {
        if self.author == user || self.seq <= last_read_seq {
            return 0;
        }
        if self.appeared { 1 } else { -1 }
    }
}

/// A count as the message service stated it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Base {
    pub unread: u64,
    pub last_read_seq: u64,
    /// Offset of the channel's stream up to which it was counted.
    pub as_of: u64,
    pub muted: bool,
}

/// The latest changes of one channel.
#[derive(Debug, Default)]
pub struct ChannelLog {
    recent: VecDeque<Change>,
    /// No change after this offset was missed; `None` = not known.
    whole_after: Option<u64>,
    /// Changes up to this offset may be missing.
    dropped_through: u64,
}

impl ChannelLog {
    /// Adds a change that was not heard before.
    pub fn push(&mut self, change: Change) {
        self.recent.push_back(change);
        if self.recent.len() > KEPT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.dropped_through = self.dropped_through.max(oldest.offset);
        }
    }

    /// No change after this offset was missed: a statement of this offset was asked for after the channel was
    /// heard. Counts only at first: what comes later of earlier changes is taken for known.
    pub fn start(&mut self, as_of: u64) {
        self.whole_after.get_or_insert(as_of);
    }

    /// Changes up to this offset were missed.
    pub fn miss(&mut self, offset: u64) {
        self.dropped_through = self.dropped_through.max(offset);
    }

    /// Whether every change after this offset is here, or still on its way.
    pub fn reaches(&self, as_of: u64) -> bool {
        self.whole_after.is_some_and(|whole_after| whole_after <= as_of) && self.dropped_through <= as_of
    }

    /// Changes may have been missed: earlier bases are of no use.
    pub fn forget(&mut self) {
        self.recent.clear();
        self.whole_after = None;
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    unread: u64,
    last_read_seq: u64,
    as_of: u64,
    muted: bool,
}

impl Count {
    fn in_total(&self, muted_count: bool) -> u64 {
        if self.muted && !muted_count { 0 } else { self.unread }
    }
}

/// The counts of one user.
#[derive(Debug, Default)]
pub struct Counts {
    channels: HashMap<Num, Count>,
    total: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn of(&self, channel: Num) -> Option<u64> {
        self.channels.get(&channel).map(|count| count.unread)
    }

    pub fn channels(&self) -> impl Iterator<Item = Num> + '_ {
        self.channels.keys().copied()
    }

    /// Channels with something unread.
    pub fn unread(&self) -> impl Iterator<Item = (Num, u64)> + '_ {
        self.channels.iter().filter(|(_, count)| count.unread > 0).map(|(&num, count)| (num, count.unread))
    }

    /// Sets a count as stated, brought up to date by what has been heard since. Whether it changed.
    /// An older statement than the last one does nothing.
    pub fn set(&mut self, channel: Num, user: Num, base: &Base, log: &ChannelLog, muted_count: bool) -> bool {
        let known = self.channels.get(&channel).copied();
        if known.is_some_and(|known| base.as_of < known.as_of && base.last_read_seq <= known.last_read_seq) {
            return false;
        }
        let since: i64 = log
            .recent
            .iter()
            .filter(|change| change.offset > base.as_of)
            .map(|change| change.effect(user, base.last_read_seq))
            .sum();
        let count = Count {
            unread: base.unread.saturating_add_signed(since),
            last_read_seq: base.last_read_seq,
            as_of: base.as_of,
            muted: base.muted,
        };
        self.replace(channel, Some(count), muted_count);
        known.map(|known| known.unread) != Some(count.unread)
    }

    /// Applies a change; whether the count moved.
    pub fn apply(&mut self, channel: Num, user: Num, change: &Change, muted_count: bool) -> bool {
        let Some(mut count) = self.channels.get(&channel).copied() else { return false };
        let effect = change.effect(user, count.last_read_seq);
        if effect == 0 || change.offset <= count.as_of {
            return false;
        }
        count.unread = count.unread.saturating_add_signed(effect);
        self.replace(channel, Some(count), muted_count);
        true
    }

    /// Mutes or unmutes; whether the total moved.
    pub fn mute(&mut self, channel: Num, muted: bool, muted_count: bool) -> bool {
        let Some(mut count) = self.channels.get(&channel).copied() else { return false };
        let before = self.total;
        count.muted = muted;
        self.replace(channel, Some(count), muted_count);
        self.total != before
    }

    /// Drops a channel; whether it was there.
    pub fn remove(&mut self, channel: Num, muted_count: bool) -> bool {
        let there = self.channels.contains_key(&channel);
        self.replace(channel, None, muted_count);
        there
    }

    fn replace(&mut self, channel: Num, count: Option<Count>, muted_count: bool) {
        let before = match count {
            Some(count) => self.channels.insert(channel, count),
            None => self.channels.remove(&channel),
        };
        let share = |count: Option<Count>| count.map_or(0, |count| count.in_total(muted_count));
        self.total = self.total - share(before) + share(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ME: Num = 7;
    const OTHER: Num = 8;
    const CHANNEL: Num = 1;

    fn change(offset: u64, author: Num, appeared: bool) -> Change {
        Change { offset, seq: offset, author, appeared }
    }

    fn at(unread: u64, last_read_seq: u64, as_of: u64) -> Base {
        Base { unread, last_read_seq, as_of, muted: false }
    }

    #[test]
    fn own_and_read_messages_do_not_count() {
        let (mut counts, log) = (Counts::default(), ChannelLog::default());
        counts.set(CHANNEL, ME, &at(2, 3, 5), &log, true);
        assert!(counts.apply(CHANNEL, ME, &change(6, OTHER, true), true));
        assert!(!counts.apply(CHANNEL, ME, &change(7, ME, true), true));
        assert!(!counts.apply(CHANNEL, ME, &Change { seq: 3, ..change(8, OTHER, false) }, true));
        assert!(counts.apply(CHANNEL, ME, &Change { seq: 4, ..change(9, OTHER, false) }, true));
        assert_eq!(counts.of(CHANNEL), Some(2));
    }

    #[test]
    fn a_statement_is_brought_up_to_date_by_what_was_heard_after_it() {
        let (mut counts, mut log) = (Counts::default(), ChannelLog::default());
        for offset in 1..=5 {
            log.push(change(offset, OTHER, true));
        }
        counts.set(CHANNEL, ME, &at(3, 0, 3), &log, true);
        assert_eq!(counts.of(CHANNEL), Some(5));
        // Everything up to 4 was read; 5 came after that.
        counts.set(CHANNEL, ME, &at(0, 4, 4), &log, true);
        assert_eq!(counts.of(CHANNEL), Some(1));
        // What was stated before does not bring old values back.
        assert!(!counts.set(CHANNEL, ME, &at(3, 0, 3), &log, true));
        assert_eq!(counts.of(CHANNEL), Some(1));
    }

    #[test]
    fn a_log_that_has_dropped_changes_says_so() {
        let mut log = ChannelLog::default();
        log.start(0);
        assert!(log.reaches(0));
        for offset in 1..=KEPT as u64 + 3 {
            log.push(change(offset, OTHER, true));
        }
        assert!(!log.reaches(2));
        assert!(log.reaches(3));
    }

    #[test]
    fn a_log_that_may_have_missed_changes_reaches_back_to_a_later_statement_alone() {
        let mut log = ChannelLog::default();
        assert!(!log.reaches(9), "nothing is known yet");
        log.start(3);
        log.push(change(4, OTHER, true));
        log.forget();
        assert!(!log.reaches(4));
        log.start(6);
        assert!(log.reaches(6) && !log.reaches(5));
        log.start(5);
        assert!(!log.reaches(5), "5 was passed over when the log began at 6");
        log.miss(8);
        assert!(log.reaches(8) && !log.reaches(7));
    }

    #[test]
    fn muted_channels_count_in_the_total_only_if_set_so() {
        for (muted_count, total) in [(true, 5), (false, 2)] {
            let (mut counts, log) = (Counts::default(), ChannelLog::default());
            counts.set(1, ME, &Base { muted: true, ..at(3, 0, 0) }, &log, muted_count);
            counts.set(2, ME, &at(2, 0, 0), &log, muted_count);
            assert_eq!(counts.total(), total);
            assert_eq!(counts.mute(1, false, muted_count), !muted_count);
            assert_eq!(counts.total(), 5);
            assert!(counts.remove(1, muted_count));
            assert_eq!(counts.total(), 2);
        }
    }

    proptest! {
        /// Messages, deletions and reads in any order, statements arriving late: the count is what a
        /// recount gives.
        #[test]
        fn counts_equal_a_recount(
            steps in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), 0usize..4), 1..80)
        ) {
            let (mut counts, mut log) = (Counts::default(), ChannelLog::default());
            counts.set(CHANNEL, ME, &Base::default(), &log, true);
            // (seq, author, deleted)
            let mut messages: Vec<(u64, Num, bool)> = Vec::new();
            let (mut offset, mut read) = (0, 0);
            let mut late: VecDeque<(usize, Base)> = VecDeque::new();
            for (kind, index, delay) in steps {
                offset += 1;
                match kind {
                    0 | 1 => {
                        let author = if kind == 0 { OTHER } else { ME };
                        let seq = messages.len() as u64 + 1;
                        messages.push((seq, author, false));
                        let change = Change { offset, seq, author, appeared: true };
                        log.push(change);
                        counts.apply(CHANNEL, ME, &change, true);
                    }
                    2 if !messages.is_empty() => {
                        let chosen = index.index(messages.len());
                        let (seq, author, deleted) = messages[chosen];
                        if !deleted {
                            messages[chosen].2 = true;
                            let change = Change { offset, seq, author, appeared: false };
                            log.push(change);
                            counts.apply(CHANNEL, ME, &change, true);
                        }
                    }
                    _ => {
                        let to = index.index(messages.len() + 1) as u64;
                        read = read.max(to);
                        let base = at(recount(&messages, read), read, offset);
                        late.push_back((delay, base));
                    }
                }
                while let Some((delay, base)) = late.front_mut() {
                    if *delay > 0 { *delay -= 1; break; }
                    counts.set(CHANNEL, ME, base, &log, true);
                    late.pop_front();
                }
            }
            for (_, base) in late {
                counts.set(CHANNEL, ME, &base, &log, true);
            }
            prop_assert_eq!(counts.of(CHANNEL), Some(recount(&messages, read)));
            prop_assert_eq!(counts.total(), recount(&messages, read));
        }
    }

    fn recount(messages: &[(u64, Num, bool)], read: u64) -> u64 {
        messages.iter().filter(|(seq, author, deleted)| *seq > read && *author != ME && !deleted).count()
            as u64
    }
}
