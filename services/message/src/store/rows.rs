//! The row of a message, and its way to the protobuf message.

use parlance_core::{Error, Micros, Result, id};
use parlance_proto::message::{Attachment, Message, Pin, ReactionGroup, message::Kind};
use prost::Message as _;
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::previews::Previews;

pub const MESSAGE_COLUMNS: &str = "num, app, id, channel_num, seq, kind, author_num, dedup_key, client_message_id, \
     parent_num, parent_id, quoted_num, quoted_id, in_main, counted, running, body, attachments, mentions, \
     custom, created_at, updated_at, edited_at, deleted_at, pinned_at, pinned_by, previews, preview_due";

#[derive(Debug, Clone, FromQueryResult)]
pub struct MessageRow {
    pub num: i64,
    pub app: Uuid,
    /// The client's own id; absent = the id is computed from the num.
    pub id: Option<String>,
    pub channel_num: i64,
    pub seq: i64,
    pub kind: i16,
    pub author_num: i64,
    /// What makes a repeated send recognisable: `c:<client id>` or `k:<idempotency key>`.
    pub dedup_key: Option<String>,
    pub client_message_id: Option<String>,
    /// 0 = none.
    pub parent_num: i64,
    pub parent_id: Option<String>,
    pub quoted_num: i64,
    pub quoted_id: Option<String>,
    pub in_main: bool,
    pub counted: bool,
    /// Counted messages of the channel up to and including this one, deleted ones included.
    pub running: i64,
    pub body: String,
    /// Encoded [`Attachments`].
    pub attachments: Option<Vec<u8>>,
    /// JSON array of user nums.
    pub mentions: Option<String>,
    pub custom: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub edited_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub pinned_at: Option<i64>,
    pub pinned_by: Option<i64>,
    /// Encoded [`Previews`].
    pub previews: Option<Vec<u8>>,
    /// From when on the previews of its links are looked for; absent = none are missing.
    pub preview_due: Option<i64>,
}

/// How attachments are stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attachments {
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Attachment>,
}

impl MessageRow {
    /// The public id.
    pub fn public_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| id::text_of(self.num))
    }

    /// The message as others see it, without what other tables hold (reactions, replies).
    pub fn message(&self) -> Result<Message> {
        let deleted = self.deleted_at.is_some();
        let attachments = match &self.attachments {
            Some(bytes) if !deleted => Attachments::decode(&**bytes).map_err(Error::internal)?.items,
            _ => Vec::new(),
        };
        let referred = |num: i64, given: &Option<String>| match num {
            0 => String::new(),
            num => given.clone().unwrap_or_else(|| id::text_of(num)),
        };
        Ok(Message {
            num: self.num,
            id: self.public_id(),
            channel_num: self.channel_num,
            seq: self.seq as u64,
            kind: i32::from(self.kind),
            author_num: self.author_num,
            text: if deleted { String::new() } else { self.body.clone() },
            attachments,
            mention_nums: if deleted { Vec::new() } else { self.mention_nums()? },
            parent_num: self.parent_num,
            parent_id: referred(self.parent_num, &self.parent_id),
            quoted_num: self.quoted_num,
            quoted_id: referred(self.quoted_num, &self.quoted_id),
            client_message_id: self.client_message_id.clone().unwrap_or_default(),
            in_main: self.in_main,
            counted: self.counted,
            reactions: Vec::<ReactionGroup>::new(),
            pin: match (self.pinned_at, self.pinned_by) {
                (Some(at), Some(by_num)) if !deleted => {
                    Some(Pin { by_num, at: Some(Micros(at).timestamp()) })
                }
                _ => None,
            },
            reply_count: 0,
            created_at: Some(Micros(self.created_at).timestamp()),
            updated_at: Some(Micros(self.updated_at).timestamp()),
            edited_at: self.edited_at.map(|at| Micros(at).timestamp()),
            deleted_at: self.deleted_at.map(|at| Micros(at).timestamp()),
            custom: if deleted { String::new() } else { self.custom.clone().unwrap_or_default() },
            link_previews: match &self.previews {
                Some(bytes) if !deleted => Previews::decode(&**bytes).map_err(Error::internal)?.items,
                _ => Vec::new(),
            },
        })
    }

    pub fn mention_nums(&self) -> Result<Vec<i64>> {
        match &self.mentions {
            Some(text) => serde_json::from_str(text).map_err(Error::internal),
            None => Ok(Vec::new()),
        }
    }

    /// Encodes attachments for storage; none = no value.
    pub fn encode_attachments(items: Vec<Attachment>) -> Option<Vec<u8>> {
        (!items.is_empty()).then(|| Attachments { items }.encode_to_vec())
    }

    /// Encodes mentions for storage; none = no value.
    pub fn encode_mentions(nums: &[i64]) -> Option<String> {
        (!nums.is_empty()).then(|| format!("{nums:?}"))
    }
}

/// The stored number of a message kind.
pub fn kind_number(kind: Kind) -> i16 {
    kind as i16
}
