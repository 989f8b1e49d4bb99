//! When others hear that somebody types.

use std::time::Duration;

use parlance_core::Micros;

/// Shortest time between two announcements that a user types in a channel.
pub const REPEAT: Duration = Duration::from_secs(2);
/// Silence after which he no longer types.
pub const SILENCE: Duration = Duration::from_secs(5);

/// One user in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typing {
    /// When he last said that he types; `None` once he has stopped.
    pub(crate) heard_at: Option<Micros>,
    /// When others were last told.
    pub(crate) announced_at: Option<Micros>,
    /// Others take him to be typing.
    pub(crate) shown: bool,
}

/// What others must hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Started,
    Stopped,
}

impl Typing {
    pub const NONE: Self = Self { heard_at: None, announced_at: None, shown: false };

    /// He says that he types. Repeats are announced too: clients drop the sign after three seconds.
    pub fn hear(&mut self, now: Micros) -> Option<Change> {
        self.heard_at = Some(now);
        if self.announced_at.is_some_and(|at| now < at + REPEAT) {
            return None;
        }
        self.announced_at = Some(now);
        self.shown = true;
        Some(Change::Started)
    }

    /// He stops, or his message has landed.
    pub fn stop(&mut self) -> Option<Change> {
        self.heard_at = None;
        std::mem::take(&mut self.shown).then_some(Change::Stopped)
    }

    /// What time alone brings: the end after silence, or a start that came too soon after the last one.
    pub fn check(&mut self, now: Micros) -> Option<Change> {
        let heard = self.heard_at?;
        if now >= heard + SILENCE {
            return self.stop();
        }
        if self.shown || self.announced_at.is_some_and(|at| now < at + REPEAT) {
            return None;
        }
        self.announced_at = Some(now);
        self.shown = true;
        Some(Change::Started)
    }

    /// When time alone next brings something: a [`Self::check`] that tells, or that it is over.
    pub fn look_again(&self) -> Micros {
        let quiet_until = self.announced_at.map(|at| at + REPEAT);
        match self.heard_at {
            None => quiet_until.unwrap_or_default(),
            Some(heard) if self.shown => heard + SILENCE,
            Some(heard) => quiet_until.unwrap_or(heard).min(heard + SILENCE),
        }
    }

    /// Whether nothing of it matters any longer.
    pub fn is_over(&self, now: Micros) -> bool {
        self.heard_at.is_none() && self.announced_at.is_none_or(|at| now >= at + REPEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Micros {
        Micros::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn a_start_is_announced_at_most_every_two_seconds() {
        let mut typing = Typing::NONE;
        assert_eq!(typing.hear(at(0)), Some(Change::Started));
        assert_eq!(typing.hear(at(1999)), None);
        assert_eq!(typing.hear(at(2000)), Some(Change::Started));
    }

    #[test]
    fn silence_ends_it_and_each_word_prolongs_it() {
        let mut typing = Typing::NONE;
        typing.hear(at(0));
        typing.hear(at(1500));
        assert_eq!(typing.check(at(6499)), None);
        assert_eq!(typing.check(at(6500)), Some(Change::Stopped));
        assert_eq!(typing.check(at(9000)), None);
        assert!(typing.is_over(at(9000)));
    }

    #[test]
    fn it_is_looked_at_again_exactly_when_time_brings_something() {
        let mut typing = Typing::NONE;
        typing.hear(at(0));
        assert_eq!(typing.look_again(), at(5000));
        typing.stop();
        assert_eq!(typing.look_again(), at(2000));
        typing.hear(at(500));
        assert_eq!(typing.look_again(), at(2000));
        assert_eq!(typing.check(at(2000)), Some(Change::Started));
        assert_eq!(typing.look_again(), at(5500));
        assert_eq!(typing.check(at(5500)), Some(Change::Stopped));
        assert!(typing.look_again() <= at(5500) && typing.is_over(at(5500)));
    }

    #[test]
    fn a_stop_is_told_once_and_only_if_the_start_was() {
        let mut typing = Typing::NONE;
        assert_eq!(typing.stop(), None);
        typing.hear(at(0));
        assert_eq!(typing.stop(), Some(Change::Stopped));
        assert_eq!(typing.stop(), None);
        assert!(!typing.is_over(at(1000)), "the rate limit is still to be kept");
    }

    #[test]
    fn typing_again_right_after_a_stop_is_shown_when_the_two_seconds_are_over() {
        let mut typing = Typing::NONE;
        typing.hear(at(0));
        typing.stop();
        assert_eq!(typing.hear(at(500)), None);
        assert_eq!(typing.stop(), None, "nobody was told");
        assert_eq!(typing.hear(at(800)), None);
        assert_eq!(typing.check(at(1900)), None);
        assert_eq!(typing.check(at(2000)), Some(Change::Started));
        assert_eq!(typing.check(at(3000)), None);
        assert_eq!(typing.check(at(5800)), Some(Change::Stopped));
    }
}
