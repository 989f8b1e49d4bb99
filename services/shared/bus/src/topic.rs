use parlance_core::{Num, id};
use parlance_proto::event::{Stream, stream::Kind};

/// Number of topics that streams are spread over.
const STREAM_TOPICS: u16 = 1024;

/// Where a message goes. Streams share a fixed number of topics, so that listening costs the same
/// with ten channels and with ten million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Events of `chat:` and `user:` streams whose num hashes to this.
    Stream(u16),
    /// Accounts and sessions: user updated, deleted, tokens revoked.
    Accounts,
    /// Presence changes; each carries its audience.
    Presence,
    /// Wakes the consumers of a service's log.
    Log(&'static str),
    /// Used by the readiness probe.
    Probe,
}

impl Topic {
    /// The topic of a channel's stream, typing included.
    pub fn chat(channel: Num) -> Self {
        Self::stream(Kind::Chat, channel)
    }

    /// The topic of a user's stream.
    pub fn user(user: Num) -> Self {
        Self::stream(Kind::User, user)
    }

    fn stream(kind: Kind, num: Num) -> Self {
        Self::Stream((id::mix(num as u64 ^ ((kind as u64) << 62)) % u64::from(STREAM_TOPICS)) as u16)
    }

    /// The topic on which a stream's events travel.
    pub fn of(stream: &Stream) -> Self {
        match stream.kind() {
            Kind::Chat => Self::chat(stream.num),
            Kind::User => Self::user(stream.num),
            Kind::App | Kind::Workspace | Kind::Unspecified => Self::Accounts,
        }
    }
}
