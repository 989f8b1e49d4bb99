//! What news do to counts.

use std::sync::Arc;
use std::time::Instant;

use parlance_core::Num;
use parlance_proto::event::{StreamHead, stream::Kind};

use super::super::heads::ON_ITS_WAY;
use super::counts::{Base, Change};
use super::news::{Entry, Fact, News};
use super::task::Counting;

/// Lists of heads that wait to be compared; beyond, the oldest is compared early, which costs a load at most.
const MOST_TOLD: usize = 4096;

impl Counting {
    pub fn hear(&mut self, news: News) {
        match news {
            News::Event { entry, fact } => {
                let is_new = entry.is_none_or(|Entry { channel, offset }| {
                    self.channels.get_mut(&channel).is_none_or(|channel| channel.entries.hear(offset))
                });
                fact.into_iter().filter(|_| is_new).for_each(|fact| self.apply(fact));
            }
            News::Heads(heads) => self.tell(heads),
        }
    }

    fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Changed { channel, change } => self.change(channel, change),
            Fact::Read { user, channel, base } => self.rebase(user, channel, &base),
            Fact::Joined { users } => self.ask(users),
            Fact::Left { user, channel } => self.drop_channel(user, channel),
            Fact::Deleted { channel } => {
                let members = self.channels.get(&channel).map(|channel| channel.users.clone());
                for member in members.unwrap_or_default() {
                    self.drop_channel(member, channel);
                }
            }
            Fact::Muted { user: num, channel, muted } => {
                let Some(user) = self.users.get_mut(&num) else { return };
                self.line.outdate(num);
                if user.counts.mute(channel, muted, self.muted_count) {
                    self.dirty.insert(num);
                }
            }
        }
    }

    /// A counted message appeared in a channel, or is gone.
    fn change(&mut self, num: Num, change: Change) {
        let Some(channel) = self.channels.get_mut(&num) else { return };
        channel.log.push(change);
        for &member in &channel.users {
            if let Some(user) = self.users.get_mut(&member)
                && user.counts.apply(num, member, &change, self.muted_count)
                && user.ready
            {
                user.changed.insert(num);
                self.dirty.insert(member);
            }
        }
    }

    /// A user's read position moved.
    fn rebase(&mut self, num: Num, channel_num: Num, base: &Base) {
        let Some(user) = self.users.get_mut(&num) else { return };
        self.line.outdate(num);
        let known = self.channels.get(&channel_num).filter(|channel| channel.users.contains(&num));
        match known {
            Some(channel) if channel.log.reaches(base.as_of) => {
                user.counts.set(channel_num, num, base, &channel.log, self.muted_count);
                // Pushed even if the count is the same: the one who read waits for it.
                user.changed.insert(channel_num);
                if user.ready {
                    self.dirty.insert(num);
                }
            }
            _ => self.ask([num]),
        }
    }

    fn drop_channel(&mut self, num: Num, channel: Num) {
        let Some(user) = self.users.get_mut(&num) else { return };
        self.line.outdate(num);
        if user.counts.remove(channel, self.muted_count) {
            user.changed.remove(&channel);
            self.dirty.insert(num);
            // Perhaps this was the one that the user's other channels waited for.
            let awaited = self.channels.get(&channel).is_some_and(|channel| !channel.is_heard());
            self.part(channel, num);
            if awaited {
                self.ask([num]);
            }
        }
    }

    fn tell(&mut self, heads: Arc<[StreamHead]>) {
        if self.told.len() >= MOST_TOLD {
            self.compare();
        }
        self.told.push_back((Instant::now() + ON_ITS_WAY, heads));
    }

    /// Loads the counts of those in whose channels something was lost.
    pub fn compare(&mut self) {
        let Some((_, heads)) = self.told.pop_front() else { return };
        for head in heads.iter() {
            let Some(stream) = head.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat) else {
                continue;
            };
            let Some(channel) = self.channels.get_mut(&stream.num) else { continue };
            if channel.entries.is_behind(head.offset) {
                channel.entries.reach(head.offset);
                channel.log.miss(head.offset);
                let users: Vec<Num> = channel.users.iter().copied().collect();
                self.ask(users);
            }
        }
    }
}
