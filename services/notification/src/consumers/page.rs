//! What a page of facts tells whom, gathered before anything is written.

use std::collections::{BTreeSet, HashMap, HashSet};

use parlance_core::{Micros, Num, NumGenerator};
use uuid::Uuid;

use crate::domain::drops::Drop;
use crate::store::pending::{NOBODY, Pending};

/// Something that somebody is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// To all members, and to those whom it mentions.
    Message { message: Num, author: Num, mentions: Vec<Num> },
    /// An edit mentions somebody anew.
    Mention { message: Num, author: Num, mentions: Vec<Num> },
    /// To the parent's author and whoever takes part in its thread, and to those whom it mentions.
    Reply { message: Num, parent: Num, author: Num, mentions: Vec<Num> },
    /// To the message's author.
    Reaction { message: Num, kind: String, by: Num },
    /// To the new member.
    Invite { user: Num, by: Num },
}

/// News with its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub app: Uuid,
    pub channel: Num,
    pub at: Micros,
    pub news: News,
}

/// Rows by user and channel.
pub struct Rows<'a> {
    nums: &'a NumGenerator,
    now: Micros,
    rows: HashMap<(Uuid, Num, Num), Pending>,
}

impl<'a> Rows<'a> {
    pub fn new(nums: &'a NumGenerator, now: Micros) -> Self {
        Self { nums, now, rows: HashMap::new() }
    }

    /// Adds news for its recipients; nobody is told of what he did himself.
    pub fn add(&mut self, item: &Item, recipients: &BTreeSet<Num>) {
        for &user in recipients {
            let row = self.row(item, user);
            match &item.news {
                News::Message { message, mentions, .. } => {
                    row.messages += 1;
                    if row.first_num == 0 {
                        row.first_num = *message;
                    }
                    row.last_num = row.last_num.max(*message);
                    if mentions.contains(&user) {
                        row.mention_num = row.mention_num.max(*message);
                    }
                }
                News::Mention { message, .. } => row.mention_num = row.mention_num.max(*message),
                News::Reply { message, mentions, .. } => {
                    row.replies += 1;
                    row.reply_num = row.reply_num.max(*message);
                    if mentions.contains(&user) {
                        row.mention_num = row.mention_num.max(*message);
                    }
                }
                News::Reaction { message, kind, by } => {
                    row.reactions += 1;
                    row.reaction_num = *message;
                    row.reaction_type.clone_from(kind);
                    row.reaction_by = *by;
                }
                News::Invite { by, .. } => row.invited_by = if *by == 0 { NOBODY } else { *by },
            }
        }
    }

    fn row(&mut self, item: &Item, user: Num) -> &mut Pending {
        let row = self
            .rows
            .entry((item.app, user, item.channel))
            .or_insert_with(|| Pending::new(self.nums.next(self.now), item.app, user, item.channel, item.at));
        row.first_at = row.first_at.min(item.at.0);
        row
    }

    pub fn into_rows(self) -> Vec<Pending> {
        self.rows.into_values().collect()
    }
}

/// Takes whoever did it out of the recipients.
pub fn without_actor(mut recipients: BTreeSet<Num>, actor: Num) -> BTreeSet<Num> {
    if recipients.remove(&actor) {
        Drop::Own.count(1);
    }
    recipients
}

/// Leaves only those who can be reached.
pub fn only(recipients: BTreeSet<Num>, reachable: &HashSet<Num>) -> BTreeSet<Num> {
    let before = recipients.len();
    let kept: BTreeSet<Num> = recipients.into_iter().filter(|user| reachable.contains(user)).collect();
    Drop::NoDevice.count((before - kept.len()) as u64);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_user_is_told_of_in_one_channel_is_one_row() {
        let nums = NumGenerator::new(1);
        let now = Micros::from_secs(1_790_000_000);
        let app = Uuid::from_u128(1);
        let mut rows = Rows::new(&nums, now);
        let item = |message: Num, mentions: &[Num]| Item {
            app,
            channel: 9,
            at: Micros(now.0 + message),
            news: News::Message { message, author: 1, mentions: mentions.to_vec() },
        };
        rows.add(&item(5, &[]), &BTreeSet::from([2, 3]));
        rows.add(&item(6, &[3]), &BTreeSet::from([2, 3]));
        rows.add(&item(7, &[]), &BTreeSet::from([2, 3]));
        let invite = Item { news: News::Invite { user: 2, by: 0 }, ..item(8, &[]) };
        rows.add(&invite, &BTreeSet::from([2]));
        let mut rows = rows.into_rows();
        rows.sort_by_key(|row| row.user_num);
        let of = |row: &Pending| (row.messages, row.first_num, row.last_num, row.mention_num, row.invited_by);
        assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), [(3, 5, 7, 0, NOBODY), (3, 5, 7, 6, 0)]);
        assert_eq!((rows[0].first_at, rows[0].events(), rows[1].events()), (now.0 + 5, 4, 3));
    }
}
