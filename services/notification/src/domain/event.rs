//! What people are told of.

/// A kind of notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Message,
    Mention,
    ThreadReply,
    Reaction,
    Invite,
    Test,
}

impl Kind {
    /// The name in tables, in what is pushed, and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Mention => "mention",
            Kind::ThreadReply => "thread_reply",
            Kind::Reaction => "reaction",
            Kind::Invite => "invite",
            Kind::Test => "test",
        }
    }
}
