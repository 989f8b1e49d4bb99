//! Whose counts are loaded when: a number of users at once, the others in turn.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use parlance_core::Num;

/// Users whose counts are asked for at once: about as many as one call is for.
const AT_ONCE: usize = 256;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Somebody waits for the first values.
    First,
    Anew,
}

/// Everybody stands in it once at most.
#[derive(Debug, Default)]
pub struct Line {
    places: HashMap<Num, Place>,
    waiting: BTreeMap<(Rank, u64), Num>,
    resting: BTreeMap<(Instant, u64), (Rank, Num)>,
    last_ticket: u64,
    under_way: usize,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Waiting {
        rank: Rank,
        ticket: u64,
    },
    /// Until then, after a failure.
    Resting {
        until: Instant,
        ticket: u64,
    },
    Loading {
        /// What is being loaded may be old already.
        again: bool,
    },
}

impl Line {
    /// Has a user's counts loaded by a question that is asked after this.
    pub fn ask(&mut self, user: Num, rank: Rank) {
        match self.places.get_mut(&user) {
            Some(Place::Loading { again }) => *again = true,
            Some(Place::Resting { .. }) => {}
            Some(&mut Place::Waiting { rank: now, ticket }) => {
                if rank < now {
                    self.waiting.remove(&(now, ticket));
                    self.wait(user, rank);
                }
            }
            None => self.wait(user, rank),
        }
    }

    /// What is being loaded for a user, if anything, may be old already.
    pub fn outdate(&mut self, user: Num) {
        if let Some(Place::Loading { again }) = self.places.get_mut(&user) {
            *again = true;
        }
    }

    /// The next user to load, if there is room.
    pub fn next(&mut self, now: Instant) -> Option<Num> {
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            let (rank, user) = entry.remove();
            self.wait(user, rank);
        }
        if self.under_way >= AT_ONCE {
            return None;
        }
        let (_, user) = self.waiting.pop_first()?;
        self.places.insert(user, Place::Loading { again: false });
        self.under_way += 1;
        Some(user)
    }

    /// A load has come back, be it of a user who has left.
    pub fn returned(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A user's load is done; whether another one is needed.
    pub fn finish(&mut self, user: Num) -> bool {
        matches!(self.places.remove(&user), Some(Place::Loading { again: true }))
    }

    /// Has a user wait for his turn from then on.
    pub fn rest(&mut self, user: Num, rank: Rank, until: Instant) {
        self.leave(user);
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.resting.insert((until, ticket), (rank, user));
        self.places.insert(user, Place::Resting { until, ticket });
    }

    /// Forgets a user.
    pub fn leave(&mut self, user: Num) {
        match self.places.remove(&user) {
            Some(Place::Waiting { rank, ticket }) => drop(self.waiting.remove(&(rank, ticket))),
            Some(Place::Resting { until, ticket }) => drop(self.resting.remove(&(until, ticket))),
            Some(Place::Loading { .. }) | None => {}
        }
    }

    /// When [`next`](Self::next) is worth calling again, if nothing else happens.
    pub fn due(&self) -> Option<Instant> {
        if self.under_way >= AT_ONCE {
            return None;
        }
        self.resting.keys().next().map(|&(until, _)| until)
    }

    fn wait(&mut self, user: Num, rank: Rank) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.waiting.insert((rank, ticket), user);
        self.places.insert(user, Place::Waiting { rank, ticket });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn all(line: &mut Line, now: Instant) -> Vec<Num> {
        std::iter::from_fn(|| line.next(now)).collect()
    }

    #[test]
    fn no_more_are_loaded_at_once_than_there_is_room_for() {
        let (mut line, now) = (Line::default(), Instant::now());
        let everybody = AT_ONCE as Num * 3;
        (0..everybody).for_each(|user| line.ask(user, Rank::Anew));
        let mut loaded = all(&mut line, now);
        assert_eq!(loaded.len(), AT_ONCE);
        while let Some(&done) = loaded.get(loaded.len() - AT_ONCE.min(loaded.len())) {
            line.returned();
            assert!(!line.finish(done));
            let next = all(&mut line, now);
            assert!(next.len() <= 1);
            if next.is_empty() {
                break;
            }
            loaded.extend(next);
        }
        assert_eq!(loaded, (0..everybody).collect::<Vec<_>>(), "each once, in turn");
    }

    #[test]
    fn whoever_waits_for_the_first_values_goes_first() {
        let (mut line, now) = (Line::default(), Instant::now());
        for user in 1..=3 {
            line.ask(user, Rank::Anew);
        }
        line.ask(4, Rank::First);
        line.ask(2, Rank::First);
        line.ask(4, Rank::Anew);
        assert_eq!(all(&mut line, now), [4, 2, 1, 3]);
    }

    #[test]
    fn who_is_asked_for_during_a_load_is_loaded_once_more_and_only_once() {
        let (mut line, now) = (Line::default(), Instant::now());
        line.ask(1, Rank::Anew);
        line.ask(1, Rank::Anew);
        assert_eq!(all(&mut line, now), [1]);
        line.ask(1, Rank::Anew);
        line.outdate(1);
        assert!(all(&mut line, now).is_empty());
        line.returned();
        assert!(line.finish(1));
        assert!(!line.finish(1));
    }

    #[test]
    fn a_failed_load_waits_and_is_not_hurried() {
        let (mut line, now) = (Line::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        line.rest(1, Rank::First, later);
        line.ask(1, Rank::First);
        assert_eq!((all(&mut line, now), line.due()), (vec![], Some(later)));
        assert_eq!(all(&mut line, later), [1]);
    }

    #[test]
    fn who_leaves_is_not_loaded_and_leaves_nothing_behind() {
        let (mut line, now) = (Line::default(), Instant::now());
        for user in 0..1000 {
            line.ask(user, Rank::Anew);
            line.rest(user + 1000, Rank::Anew, now);
            line.leave(user);
            line.leave(user + 1000);
        }
        assert!(line.places.is_empty() && line.waiting.is_empty() && line.resting.is_empty());
        assert!(all(&mut line, now).is_empty());
    }
}
