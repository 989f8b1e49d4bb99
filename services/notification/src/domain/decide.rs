//! Whether somebody is told, and of what: all rules, in the order in which they are asked.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parlance_core::{Micros, Num};
use parlance_proto::message::Message;

use super::drops::Drop;
use super::event::Kind;
use super::preferences::Preferences;
use crate::Settings;
use crate::store::pending::Pending;

/// What is known of a recipient before other services are asked much.
pub struct Recipient<'a> {
    pub preferences: &'a Preferences,
    pub is_online: bool,
    /// There is somewhere to send it.
    pub can_be_reached: bool,
}

/// The kinds that a row holds and its recipient wants, the most important first.
pub fn wanted(
    row: &Pending,
    recipient: &Recipient<'_>,
    settings: &Settings,
    now: Micros,
) -> Result<Vec<Kind>, Drop> {
    if Micros(row.first_at) + Duration::from_secs(settings.max_age_s) < now {
        return Err(Drop::TooOld);
    }
    if !recipient.can_be_reached {
        return Err(Drop::NoDevice);
    }
    let held = [
        (Kind::Mention, row.mention_num != 0),
        (Kind::ThreadReply, row.replies > 0),
        (Kind::Message, row.messages > 0),
        (Kind::Invite, row.invited_by != 0),
        (Kind::Reaction, row.reactions > 0),
    ];
    let wanted: Vec<Kind> = held
        .into_iter()
        .filter(|(kind, is_held)| *is_held && recipient.preferences.wants(*kind))
        .map(|(kind, _)| kind)
        .collect();
    if wanted.is_empty() {
        return Err(Drop::Preference);
    }
    if recipient.preferences.is_quiet(now) {
        return Err(Drop::Quiet);
    }
    if recipient.is_online && settings.skip_online {
        return Err(Drop::Online);
    }
    Ok(wanted)
}

/// A member's place in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub unread: u64,
    pub last_read_seq: u64,
    pub muted: bool,
}

/// What other services say of a row.
pub struct Facts<'a> {
    /// The recipient's account is there.
    pub is_live: bool,
    /// `None` = no member, or no such channel.
    pub standing: Option<Standing>,
    pub messages: &'a HashMap<Num, Message>,
    /// Pairs (recipient, other) with a block between them.
    pub blocked: &'a HashSet<(Num, Num)>,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<'a> {
    pub kind: Kind,
    /// Who did it; 0 = the app's backend.
    pub actor: Num,
    pub message: Option<&'a Message>,
    /// How many of the kind.
    pub count: u64,
}

/// Chooses the most important of what the recipient wants that there is still a reason to tell.
pub fn choose<'a>(row: &Pending, wanted: &[Kind], facts: &Facts<'a>) -> Result<Told<'a>, Drop> {
    if !facts.is_live {
        return Err(Drop::UserDeleted);
    }
    let standing = facts.standing.ok_or(Drop::NotMember)?;
    if standing.muted {
        return Err(Drop::Muted);
    }
    let mut why = Drop::Preference;
    for (place, kind) in wanted.iter().enumerate() {
        match tell(row, *kind, standing, facts) {
            Ok(told) => return Ok(told),
            // The reason of the most important one stands for all.
            Err(drop) if place == 0 => why = drop,
            Err(_) => {}
        }
    }
    Err(why)
}

fn tell<'a>(row: &Pending, kind: Kind, standing: Standing, facts: &Facts<'a>) -> Result<Told<'a>, Drop> {
    let unread_message = |num: Num| {
        let message = existing(num, facts)?;
        allowed(row, message.author_num, facts)?;
        if message.seq <= standing.last_read_seq { Err(Drop::Read) } else { Ok(message) }
    };
    match kind {
        Kind::Mention => {
            let message = unread_message(row.mention_num)?;
            Ok(Told { kind, actor: message.author_num, message: Some(message), count: 1 })
        }
        Kind::ThreadReply => {
            let message = unread_message(row.reply_num)?;
            let count = row.replies.max(1) as u64;
            Ok(Told { kind, actor: message.author_num, message: Some(message), count })
        }
        Kind::Message => {
            // If the last one is gone or not for him, the first of them speaks.
            let message =
                unread_message(row.last_num).or_else(|why| unread_message(row.first_num).map_err(|_| why))?;
            // What he has read of them meanwhile, and what is gone, is not counted.
            let count = (row.messages.max(1) as u64).min(standing.unread.max(1));
            Ok(Told { kind, actor: message.author_num, message: Some(message), count })
        }
        Kind::Reaction => {
            let message = existing(row.reaction_num, facts)?;
            allowed(row, row.reaction_by, facts)?;
            let count = row.reactions.max(1) as u64;
            Ok(Told { kind, actor: row.reaction_by, message: Some(message), count })
        }
        Kind::Invite => {
            allowed(row, row.invited_by, facts)?;
            Ok(Told { kind, actor: row.invited_by.max(0), message: None, count: 1 })
        }
        // Not decided, but asked for.
        Kind::Test => Err(Drop::Preference),
    }
}

/// A message that is still there.
fn existing<'a>(num: Num, facts: &Facts<'a>) -> Result<&'a Message, Drop> {
    facts.messages.get(&num).filter(|message| message.deleted_at.is_none()).ok_or(Drop::Deleted)
}

/// Neither his own doing nor that of somebody with whom there is a block.
fn allowed(row: &Pending, actor: Num, facts: &Facts<'_>) -> Result<(), Drop> {
    if actor == row.user_num {
        return Err(Drop::Own);
    }
    if facts.blocked.contains(&(row.user_num, actor)) {
        return Err(Drop::Blocked);
    }
    Ok(())
}

/// Messages that must be known to choose.
pub fn messages_of(row: &Pending, wanted: &[Kind]) -> impl Iterator<Item = Num> {
    let nums = wanted.iter().flat_map(|kind| match kind {
        Kind::Mention => [row.mention_num, 0],
        Kind::ThreadReply => [row.reply_num, 0],
        Kind::Message => [row.first_num, row.last_num],
        Kind::Reaction => [row.reaction_num, 0],
        Kind::Invite | Kind::Test => [0, 0],
    });
    nums.filter(|num| *num != 0).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Micros = Micros::from_secs(1_790_000_000);
    const ME: Num = 1;
    const ADA: Num = 2;
    const BOB: Num = 3;

    fn row() -> Pending {
        Pending::new(1, Uuid::nil(), ME, 9, NOW)
    }

    fn message(num: Num, author: Num) -> (Num, Message) {
        (num, Message { num, seq: num as u64, author_num: author, ..Default::default() })
    }

    fn ask(row: &Pending, recipient: Recipient<'_>) -> Result<Vec<Kind>, Drop> {
        wanted(row, &recipient, &Settings::default(), NOW)
    }

    #[test]
    fn what_can_be_said_without_asking_others_is_asked_first() {
        let usual = Preferences::default();
        let all = Pending { messages: 2, mention_num: 7, replies: 1, reactions: 1, invited_by: ADA, ..row() };
        let recipient = |preferences| Recipient { preferences, is_online: false, can_be_reached: true };
        let kinds = vec![Kind::Mention, Kind::ThreadReply, Kind::Message, Kind::Invite];
        assert_eq!(ask(&all, recipient(&usual)), Ok(kinds));
        let off = Preferences { push_enabled: false, ..usual.clone() };
        assert_eq!(ask(&all, recipient(&off)), Err(Drop::Preference));
        let reaction = Pending { reactions: 1, ..row() };
        assert_eq!(ask(&reaction, recipient(&usual)), Err(Drop::Preference));
        let eager = Preferences { reactions: true, ..usual.clone() };
        assert_eq!(ask(&reaction, recipient(&eager)), Ok(vec![Kind::Reaction]));
        // A mention that is not wanted as one is still a message.
        let no_mentions = Preferences { mentions: false, ..usual.clone() };
        let mentioned = Pending { messages: 1, last_num: 7, mention_num: 7, ..row() };
        assert_eq!(ask(&mentioned, recipient(&no_mentions)), Ok(vec![Kind::Message]));
        let quiet =
            Preferences { quiet_hours_enabled: true, quiet_start: 0, quiet_end: 1439, ..usual.clone() };
        assert_eq!(ask(&all, recipient(&quiet)), Err(Drop::Quiet));
        assert_eq!(ask(&all, Recipient { is_online: true, ..recipient(&usual) }), Err(Drop::Online));
        assert_eq!(ask(&all, Recipient { can_be_reached: false, ..recipient(&usual) }), Err(Drop::NoDevice));
        let old = Pending { first_at: (NOW - Duration::from_secs(3601)).0, ..all };
        assert_eq!(ask(&old, recipient(&usual)), Err(Drop::TooOld));
    }

    #[test]
    fn what_is_read_gone_muted_or_blocked_is_not_told() {
        let messages: HashMap<Num, Message> = [message(5, ADA), message(6, BOB)].into();
        let nobody = HashSet::new();
        let standing = Standing { unread: 2, last_read_seq: 4, muted: false };
        let facts = |standing, blocked| Facts { is_live: true, standing, messages: &messages, blocked };
        let row = Pending { messages: 2, first_num: 5, last_num: 6, ..row() };
        let told = |row: &Pending, facts: Facts<'_>| {
            choose(row, &[Kind::Message], &facts).map(|told| (told.actor, told.count))
        };
        assert_eq!(told(&row, facts(Some(standing), &nobody)), Ok((BOB, 2)));
        assert_eq!(told(&row, facts(None, &nobody)), Err(Drop::NotMember));
        let gone = Facts { is_live: false, ..facts(Some(standing), &nobody) };
        assert_eq!(told(&row, gone), Err(Drop::UserDeleted));
        let muted = Standing { muted: true, ..standing };
        assert_eq!(told(&row, facts(Some(muted), &nobody)), Err(Drop::Muted));
        let half = Standing { unread: 1, last_read_seq: 5, muted: false };
        assert_eq!(told(&row, facts(Some(half), &nobody)), Ok((BOB, 1)));
        let all = Standing { unread: 0, last_read_seq: 6, muted: false };
        assert_eq!(told(&row, facts(Some(all), &nobody)), Err(Drop::Read));
        let bob = HashSet::from([(ME, BOB)]);
        assert_eq!(told(&row, facts(Some(standing), &bob)), Ok((ADA, 2)), "the other one speaks");
        let both = HashSet::from([(ME, BOB), (ME, ADA)]);
        assert_eq!(told(&row, facts(Some(standing), &both)), Err(Drop::Blocked));
        let unknown = Pending { first_num: 7, last_num: 7, ..row };
        assert_eq!(told(&unknown, facts(Some(standing), &nobody)), Err(Drop::Deleted));
    }

    #[test]
    fn if_the_most_important_cannot_be_told_the_next_one_is() {
        let messages: HashMap<Num, Message> = [message(5, ADA), message(6, BOB)].into();
        let blocked = HashSet::new();
        let standing = Some(Standing { unread: 1, last_read_seq: 5, muted: false });
        let facts = Facts { is_live: true, standing, messages: &messages, blocked: &blocked };
        let row = Pending {
            messages: 2,
            first_num: 5,
            last_num: 6,
            mention_num: 5,
            reactions: 1,
            reaction_num: 5,
            reaction_by: ADA,
            ..row()
        };
        let told = choose(&row, &[Kind::Mention, Kind::Message, Kind::Reaction], &facts).unwrap();
        assert_eq!((told.kind, told.actor), (Kind::Message, BOB));
        let told = choose(&row, &[Kind::Mention, Kind::Reaction], &facts).unwrap();
        assert_eq!((told.kind, told.actor), (Kind::Reaction, ADA));
        assert_eq!(choose(&row, &[Kind::Mention], &facts).unwrap_err(), Drop::Read);
    }
}
