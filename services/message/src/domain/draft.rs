//! What a message may look like.

use parlance_core::{Error, Reason, Result, json};
use parlance_proto::message::{Attachment, MessageDraft, MessageRef, SendMessageRequest, message_ref::Ref};

/// Longest text, in characters.
pub const MAX_TEXT_CHARS: usize = 10_000;
pub const MAX_ATTACHMENTS: usize = 10;
const MAX_URL_BYTES: usize = 2048;
const MAX_FIELD_BYTES: usize = 1024;
const MAX_WAVEFORM: usize = 1024;
/// Longest id or key that a client may choose, in bytes.
pub const MAX_KEY_BYTES: usize = 255;
/// Longest reaction type, in characters.
pub const MAX_REACTION_CHARS: usize = 50;

/// Checks everything about a send that needs no other data.
pub fn check(request: &SendMessageRequest) -> Result<&MessageDraft> {
    let draft = request.draft.as_ref().ok_or_else(|| Error::invalid("draft", "is required"))?;
    if draft.text.trim().is_empty() && draft.attachments.is_empty() {
        return Err(Error {
            field: Some("text".into()),
            ..Error::new(Reason::MessageEmpty, "a message needs text or an attachment")
        });
    }
    check_text(&draft.text)?;
    if draft.attachments.len() > MAX_ATTACHMENTS {
        return Err(Error {
            field: Some("attachments".into()),
            ..Error::new(Reason::TooManyAttachments, format!("at most {MAX_ATTACHMENTS} attachments"))
        });
    }
    for attachment in &draft.attachments {
        check_attachment(attachment)?;
    }
    if draft.mention_ids.len() > 100 {
        return Err(Error::invalid("mention_ids", "holds more than 100"));
    }
    json::custom_text(&json::parse_custom(&draft.custom)?)?;
    check_key("client_message_id", &request.client_message_id)?;
    check_key("idempotency_key", &request.idempotency_key)?;
    Ok(draft)
}

/// Text of a message, whatever else it has.
pub fn check_text(text: &str) -> Result<()> {
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Error {
            field: Some("text".into()),
            ..Error::new(Reason::MessageTooLong, format!("text holds more than {MAX_TEXT_CHARS} characters"))
        });
    }
    no_nul("text", text)
}

/// Text that replaces another one: must be there.
pub fn check_edit(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error {
            field: Some("text".into()),
            ..Error::new(Reason::MessageEmpty, "text must not be empty")
        });
    }
    check_text(text)
}

pub fn check_reaction(kind: &str) -> Result<()> {
    let length = kind.chars().count();
    if length == 0 || length > MAX_REACTION_CHARS || kind.trim().is_empty() {
        return Err(Error::invalid("type", format!("must have 1-{MAX_REACTION_CHARS} characters")));
    }
    if kind.chars().any(char::is_control) {
        return Err(Error::invalid("type", "holds a control character"));
    }
    Ok(())
}

fn check_key(field: &str, key: &str) -> Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Error::invalid(field, format!("is longer than {MAX_KEY_BYTES} bytes")));
    }
    no_nul(field, key)
}

fn check_attachment(attachment: &Attachment) -> Result<()> {
    if attachment.r#type.is_empty() || attachment.r#type.len() > 64 {
        return Err(Error::invalid("attachments.type", "must have 1-64 characters"));
    }
    check_url("attachments.url", &attachment.url)?;
    if !attachment.thumbnail_url.is_empty() {
        check_url("attachments.thumbnail_url", &attachment.thumbnail_url)?;
    }
    for (field, text) in [
        ("attachments.name", &attachment.name),
        ("attachments.mime_type", &attachment.mime_type),
        ("attachments.title", &attachment.title),
        ("attachments.blurhash", &attachment.blurhash),
        ("attachments.upload_id", &attachment.upload_id),
        ("attachments.type", &attachment.r#type),
    ] {
        if text.len() > MAX_FIELD_BYTES {
            return Err(Error::invalid(field, format!("is longer than {MAX_FIELD_BYTES} bytes")));
        }
        no_nul(field, text)?;
    }
    if attachment.size_bytes < 0 || attachment.width < 0 || attachment.height < 0 {
        return Err(Error::invalid("attachments", "holds a negative size"));
    }
    if !(attachment.duration_s.is_finite() && attachment.duration_s >= 0.0) {
        return Err(Error::invalid("attachments.duration_s", "must be a length of time"));
    }
    if attachment.waveform.len() > MAX_WAVEFORM || attachment.waveform.iter().any(|x| !x.is_finite()) {
        return Err(Error::invalid("attachments.waveform", format!("holds at most {MAX_WAVEFORM} numbers")));
    }
    json::custom_text(&json::parse_custom(&attachment.custom)?)?;
    Ok(())
}

fn check_url(field: &str, url: &str) -> Result<()> {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    let absolute = rest.is_some() && url.len() > "https://".len();
    if !absolute || url.len() > MAX_URL_BYTES || url.chars().any(|c| c.is_control() || c == ' ') {
        return Err(Error::invalid(
            field,
            format!("must be an http(s) URL of at most {MAX_URL_BYTES} bytes"),
        ));
    }
    Ok(())
}

/// PostgreSQL keeps no NUL in text, and no client means one.
fn no_nul(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(field, "holds a NUL character"));
    }
    Ok(())
}

/// A reference that names something, if one was given.
pub fn given(reference: Option<&MessageRef>) -> Option<&MessageRef> {
    reference.filter(|reference| match &reference.r#ref {
        Some(Ref::Num(num)) => *num != 0,
        Some(Ref::Id(id)) => !id.is_empty(),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(text: &str) -> SendMessageRequest {
        SendMessageRequest {
            draft: Some(MessageDraft { text: text.into(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn with_attachment(attachment: Attachment) -> SendMessageRequest {
        SendMessageRequest {
            draft: Some(MessageDraft { attachments: vec![attachment], ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(check(&with_text(&"ä".repeat(MAX_TEXT_CHARS))).is_ok());
        let error = check(&with_text(&"ä".repeat(MAX_TEXT_CHARS + 1))).unwrap_err();
        assert_eq!(error.reason, Reason::MessageTooLong);
    }

    #[test]
    fn blank_text_needs_an_attachment() {
        assert_eq!(check(&with_text(" \n")).unwrap_err().reason, Reason::MessageEmpty);
        let image = Attachment {
            r#type: "image".into(),
            url: "https://example.com/a.png".into(),
            ..Default::default()
        };
        assert!(check(&with_attachment(image)).is_ok());
    }

    #[test]
    fn urls_that_no_browser_should_open_are_refused() {
        for url in
            ["", "javascript:alert(1)", "ftp://x/y", "//x", "http://", "https://a b", "data:text/html,x"]
        {
            let file = Attachment { r#type: "file".into(), url: url.into(), ..Default::default() };
            assert!(check(&with_attachment(file)).is_err(), "{url}");
        }
    }

    #[test]
    fn every_emoji_is_a_reaction_and_blanks_are_not() {
        for kind in ["👍", "❤️", "👨‍👩‍👧‍👦", ":party_parrot:", "+1"] {
            assert!(check_reaction(kind).is_ok(), "{kind}");
        }
        for kind in ["", " ", "a\u{7}", &"x".repeat(51)] {
            assert!(check_reaction(kind).is_err(), "{kind:?}");
        }
    }
}
