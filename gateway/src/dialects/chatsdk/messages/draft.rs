use parlance_proto::message::{self, MessageDraft};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::error::Failure;
use super::super::request::any_message_ref;
use super::super::schema::{AttachmentType, GivenUrl, Id, Key, MessageText, UserId};

/// What a client sends to have a message written: text, attachments or both.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    #[schema(value_type = Option<MessageText>)]
    text: Option<String>,
    #[schema(max_items = 10)]
    attachments: Option<Vec<Attachment>>,
    #[schema(value_type = Option<Id>)]
    parent_id: Option<String>,
    #[serde(rename = "parent_id")]
    #[schema(value_type = Option<Id>)]
    parent_id_alias: Option<String>,
    #[schema(value_type = Option<Key>)]
    client_msg_id: Option<String>,
    #[schema(value_type = Option<Id>)]
    reply_to_id: Option<String>,
    #[schema(value_type = Option<Vec<UserId>>, max_items = 100)]
    mentioned_user_ids: Option<Vec<String>>,
}

/// Kinds of attachments that clients of this dialect can show.
const KINDS: [&str; 6] = ["image", "video", "audio", "file", "giphy", "voicenote"];

/// A file that goes with a message.
#[derive(Deserialize, ToSchema)]
#[schema(as = DraftAttachment)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    #[schema(value_type = AttachmentType)]
    r#type: Option<String>,
    #[schema(value_type = GivenUrl)]
    url: Option<String>,
    name: Option<String>,
    #[schema(minimum = 0)]
    size: Option<f64>,
    #[schema(minimum = 0)]
    file_size: Option<f64>,
    mime_type: Option<String>,
    title: Option<String>,
    #[schema(minimum = 0)]
    width: Option<f64>,
    #[schema(minimum = 0)]
    height: Option<f64>,
    #[schema(minimum = 0)]
    duration: Option<f64>,
    #[schema(max_items = 1024)]
    waveform: Option<Vec<f64>>,
    #[schema(value_type = Option<GivenUrl>)]
    thumbnail_url: Option<String>,
    blurhash: Option<String>,
    upload_id: Option<String>,
}

impl Draft {
    /// The client's own id for the message; empty if none was given.
    pub fn client_message_id(&self) -> String {
        self.client_msg_id.clone().unwrap_or_default()
    }

    /// The draft as the message service takes it.
    pub fn into_proto(self) -> Result<MessageDraft, Failure> {
        let parent_id = self.parent_id.or(self.parent_id_alias).filter(|id| !id.is_empty());
        let attachments = self.attachments.unwrap_or_default().into_iter().enumerate();
        Ok(MessageDraft {
            text: self.text.unwrap_or_default(),
            attachments: attachments.map(|(at, one)| one.into_proto(at)).collect::<Result<_, _>>()?,
            parent: parent_id.as_deref().map(any_message_ref),
            quoted: self.reply_to_id.filter(|id| !id.is_empty()).as_deref().map(any_message_ref),
            mention_ids: self.mentioned_user_ids.unwrap_or_default(),
            custom: String::new(),
            thread_only: false,
        })
    }
}

impl Attachment {
    fn into_proto(self, at: usize) -> Result<message::Attachment, Failure> {
        let whole = |field: &str, value: Option<f64>, most: f64| {
            let value = value.unwrap_or(0.0);
            if (0.0..=most).contains(&value) {
                return Ok(value.round());
            }
            Err(Failure::invalid(&format!("attachments[{at}].{field}"), "is out of its range"))
        };
        if !self.r#type.as_deref().is_some_and(|kind| KINDS.contains(&kind)) {
            let kinds = KINDS.join(", ");
            return Err(Failure::invalid(
                &format!("attachments[{at}].type"),
                format_args!("must be one of {kinds}"),
            ));
        }
        let largest_size = 2f64.powi(53);
        let largest_side = f64::from(i32::MAX);
        Ok(message::Attachment {
            r#type: self.r#type.unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            size_bytes: whole("size", self.size.or(self.file_size), largest_size)? as i64,
            mime_type: self.mime_type.unwrap_or_default(),
            title: self.title.unwrap_or_default(),
            width: whole("width", self.width, largest_side)? as i32,
            height: whole("height", self.height, largest_side)? as i32,
            duration_s: self.duration.unwrap_or(0.0),
            waveform: self.waveform.unwrap_or_default(),
            thumbnail_url: self.thumbnail_url.unwrap_or_default(),
            blurhash: self.blurhash.unwrap_or_default(),
            upload_id: self.upload_id.unwrap_or_default(),
            custom: String::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(value: serde_json::Value) -> Result<MessageDraft, Failure> {
        serde_json::from_value::<Draft>(value).unwrap().into_proto()
    }

    #[test]
    fn both_spellings_of_the_parent_are_read() {
        let id = parlance_core::id::text_of(4711 << 22);
        assert_eq!(
            draft(json!({"parentId": id})).unwrap().parent,
            draft(json!({"parent_id": id})).unwrap().parent
        );
        assert_eq!(draft(json!({"text": "x", "parentId": null})).unwrap().parent, None);
    }

    #[test]
    fn numbers_of_attachments_are_checked_before_they_are_cut() {
        let one = |value| draft(json!({"attachments": [value]}));
        let fine =
            one(json!({"type": "image", "url": "https://x.example/a.png", "fileSize": 12.0, "width": 640.4}));
        let fine = fine.unwrap().attachments.remove(0);
        assert_eq!((fine.size_bytes, fine.width), (12, 640));
        for (field, wrong) in [("size", json!(-1)), ("width", json!(1e300)), ("size", json!(1e17))] {
            let mut image = json!({"type": "image", "url": "https://x.example/a.png"});
            image[field] = wrong;
            assert!(one(image).is_err());
        }
        for kind in [json!("spell"), json!(""), json!(null)] {
            assert!(one(json!({"type": kind, "url": "https://x.example/a.png"})).is_err());
        }
    }
}
