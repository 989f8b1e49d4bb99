//! Which entries of a channel's stream have been heard of.

use std::collections::BTreeSet;

/// Entries kept that came before one that is missing.
const KEPT: usize = 1024;

/// Everything up to an offset, and some beyond.
#[derive(Debug, Default)]
pub struct Heard {
    /// `None` = not known yet.
    through: Option<u64>,
    beyond: BTreeSet<u64>,
}

impl Heard {
    /// Everything up to here is known from elsewhere. Counts only at first: whoever counted before may
    /// have missed what lies between.
    pub fn start(&mut self, offset: u64) {
        if self.through.is_none() {
            self.reach(offset);
        }
    }

    /// An entry was heard. `false` = not for the first time, or it is made up for already: the bus may
    /// bring an entry twice, at any time.
    pub fn hear(&mut self, offset: u64) -> bool {
        let is_new = self.through.is_none_or(|through| offset > through) && self.beyond.insert(offset);
        if is_new {
            if self.beyond.len() > KEPT {
                self.beyond.pop_first();
            }
            self.join();
        }
        is_new
    }

    /// Whether entries up to here are missing.
    pub fn is_behind(&self, offset: u64) -> bool {
        self.through.is_some_and(|through| through < offset)
    }

    /// Everything up to here is made up for.
    pub fn reach(&mut self, offset: u64) {
        self.through = Some(self.through.unwrap_or(0).max(offset));
        self.join();
    }

    fn join(&mut self) {
        let Some(mut through) = self.through else { return };
        while let Some(&next) = self.beyond.first()
            && next <= through + 1
        {
            through = through.max(next);
            self.beyond.pop_first();
        }
        self.through = Some(through);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_behind_until_it_is_filled_or_made_up_for() {
        let mut heard = Heard::default();
        assert!(heard.hear(4));
        assert!(!heard.is_behind(9), "nothing is known yet");
        heard.start(3);
        assert!(!heard.is_behind(4));
        assert!(heard.hear(6) && !heard.hear(6));
        heard.start(6);
        assert!(heard.is_behind(6));
        assert!(heard.hear(5) && !heard.hear(5) && !heard.hear(4));
        assert!(!heard.is_behind(6));
        assert!(heard.is_behind(8));
        heard.reach(8);
        assert!(!heard.is_behind(8));
    }
}
