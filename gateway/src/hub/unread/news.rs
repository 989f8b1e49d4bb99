//! What the bus brings, reduced to what counts need: small, since many may wait.

use std::sync::Arc;

use parlance_core::Num;
use parlance_proto::event::{Event, StreamHead, event::Payload, stream::Kind};

use super::counts::{Base, Change};

#[derive(Debug)]
pub enum News {
    Event {
        /// The entry of a channel's stream that the event is.
        entry: Option<Entry>,
        fact: Option<Fact>,
    },
    /// How far channels have come.
    Heads(Arc<[StreamHead]>),
}

/// An entry of a channel's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub channel: Num,
    pub offset: u64,
}

/// What happened to counts.
#[derive(Debug, PartialEq, Eq)]
pub enum Fact {
    /// A counted message appeared, or is gone.
    Changed {
        channel: Num,
        change: Change,
    },
    /// A user's read position moved.
    Read {
        user: Num,
        channel: Num,
        base: Base,
    },
    /// Users have another channel.
    Joined {
        users: Vec<Num>,
    },
    Left {
        user: Num,
        channel: Num,
    },
    Deleted {
        channel: Num,
    },
    Muted {
        user: Num,
        channel: Num,
        muted: bool,
    },
}

impl News {
    /// `None` if an event says nothing about counts.
    pub fn of(event: &Event) -> Option<Self> {
        let entry = event.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat && event.offset > 0);
        let entry = entry.map(|stream| Entry { channel: stream.num, offset: event.offset });
        let fact = Fact::of(event);
        (entry.is_some() || fact.is_some()).then_some(Self::Event { entry, fact })
    }
}

impl Fact {
    fn of(event: &Event) -> Option<Self> {
        let stream = event.stream.as_ref();
        let of_user = stream.filter(|stream| stream.kind() == Kind::User).map(|stream| stream.num);
        let of_channel = stream.filter(|stream| stream.kind() == Kind::Chat).map(|stream| stream.num);
        let change = |seq, author, appeared| Change { offset: event.offset, seq, author, appeared };
        Some(match event.payload.as_ref()? {
            Payload::MessageCreated(created) => {
                let message = created.message.as_ref().filter(|message| message.counted)?;
                let change = change(message.seq, message.author_num, true);
                Self::Changed { channel: message.channel_num, change }
            }
            Payload::MessageDeleted(deleted) if deleted.counted => {
                Self::Changed { channel: of_channel?, change: change(deleted.seq, deleted.author_num, false) }
            }
            Payload::UnreadChanged(changed) => {
                let base = Base {
                    unread: changed.unread,
                    last_read_seq: changed.last_read_seq,
                    as_of: changed.as_of_offset,
                    muted: changed.muted,
                };
                Self::Read { user: of_user?, channel: changed.channel_num, base }
            }
            Payload::ChannelCreated(created) => {
                let users = created.member_nums.iter().copied().chain([of_user?]).collect();
                Self::Joined { users }
            }
            Payload::MemberJoined(joined) => {
                of_user?;
                Self::Joined { users: vec![joined.user_num] }
            }
            Payload::MemberLeft(left) => Self::Left { user: left.user_num, channel: left.channel_num },
            Payload::ChannelDeleted(deleted) => Self::Deleted { channel: deleted.channel_num },
            Payload::MemberUpdated(updated) => {
                Self::Muted { user: updated.user_num, channel: updated.channel_num, muted: updated.muted }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use parlance_proto::event::{MessageCreated, Stream, TypingStarted};
    use parlance_proto::message::Message;

    use super::*;

    fn event(kind: Kind, offset: u64, payload: Option<Payload>) -> Event {
        let stream = Some(Stream { kind: kind.into(), num: 5 });
        Event { stream, offset, payload, ..Default::default() }
    }

    #[test]
    fn a_counted_message_is_an_entry_and_a_change_and_others_are_entries_alone() {
        for counted in [true, false] {
            let message = Message { channel_num: 5, author_num: 7, seq: 3, counted, ..Default::default() };
            let created =
                Payload::MessageCreated(MessageCreated { message: Some(message), ..Default::default() });
            let Some(News::Event { entry, fact }) = News::of(&event(Kind::Chat, 9, Some(created))) else {
                panic!("a message is news");
            };
            assert_eq!(entry, Some(Entry { channel: 5, offset: 9 }));
            let change = Change { offset: 9, seq: 3, author: 7, appeared: true };
            assert_eq!(fact, counted.then_some(Fact::Changed { channel: 5, change }));
        }
    }

    #[test]
    fn what_moves_no_counts_and_has_no_place_is_no_news() {
        let typing = Payload::TypingStarted(TypingStarted::default());
        assert!(News::of(&event(Kind::Chat, 0, Some(typing))).is_none());
        assert!(News::of(&event(Kind::User, 4, None)).is_none());
    }
}
