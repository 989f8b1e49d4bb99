//! What a notification says: the one place where it is put into words.

use parlance_proto::message::{Attachment, Message};

use super::event::Kind;

/// Most characters of a message that are shown.
const MAX_CHARS: usize = 140;

/// What there is to say.
pub struct Said<'a> {
    pub kind: Kind,
    /// Name of whoever did it; empty = the app's backend.
    pub actor: &'a str,
    /// Name of the channel; empty = it has none, or is direct.
    pub channel: &'a str,
    pub is_direct: bool,
    /// The message that was sent, or reacted to.
    pub message: Option<&'a Message>,
    /// The reaction.
    pub emoji: &'a str,
    /// How many of the kind are told of at once.
    pub count: u64,
}

/// Title and body.
pub fn words(said: &Said<'_>) -> (String, String) {
    let text = said.message.map(excerpt).unwrap_or_default();
    let channel = if said.is_direct { "" } else { said.channel };
    // What stands above: the channel, else who speaks.
    let place = if channel.is_empty() { said.actor } else { channel };
    match said.kind {
        Kind::Message if said.count > 1 => (place.to_owned(), format!("{} new messages", said.count)),
        Kind::Message if channel.is_empty() => (said.actor.to_owned(), text),
        Kind::Message => (channel.to_owned(), format!("{}: {text}", said.actor)),
        Kind::Mention => (in_channel(&format!("{} mentioned you", said.actor), channel), text),
        Kind::ThreadReply if said.count > 1 => (place.to_owned(), format!("{} new replies", said.count)),
        Kind::ThreadReply => (in_channel(&format!("{} replied", said.actor), channel), text),
        Kind::Reaction if said.count > 1 => {
            (place.to_owned(), format!("{} new reactions to your messages", said.count))
        }
        Kind::Reaction => {
            let what = if text.is_empty() { String::new() } else { format!(": {text}") };
            (place.to_owned(), format!("{} reacted {} to your message{what}", said.actor, said.emoji))
        }
        Kind::Invite => {
            let place = if channel.is_empty() { "a channel" } else { channel };
            let body = match said.actor {
                "" => format!("You were added to {place}"),
                actor => format!("{actor} added you to {place}"),
            };
            (channel_or(channel, "New channel"), body)
        }
        Kind::Test => ("Test notification".to_owned(), "Notifications reach this device.".to_owned()),
    }
}

fn in_channel(what: &str, channel: &str) -> String {
    if channel.is_empty() { what.to_owned() } else { format!("{what} in {channel}") }
}

fn channel_or(channel: &str, usual: &str) -> String {
    if channel.is_empty() { usual.to_owned() } else { channel.to_owned() }
}

/// The beginning of a message's text on one line; of one without text, what is attached.
pub fn excerpt(message: &Message) -> String {
    let mut text = String::new();
    for word in message.text.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    if text.is_empty() {
        return attached(&message.attachments);
    }
    match text.char_indices().nth(MAX_CHARS) {
        None => text,
        Some((end, _)) => {
            text.truncate(end);
            text.push('…');
            text
        }
    }
}

fn attached(attachments: &[Attachment]) -> String {
    let Some(first) = attachments.first() else { return String::new() };
    let (one, many) = match first.r#type.as_str() {
        "image" => ("a photo", "photos"),
        "video" => ("a video", "videos"),
        "audio" => ("an audio file", "audio files"),
        "voicenote" => ("a voice message", "voice messages"),
        "giphy" => ("a GIF", "GIFs"),
        _ => ("a file", "files"),
    };
    match attachments.len() {
        1 => format!("Sent {one}"),
        count if attachments.iter().all(|other| other.r#type == first.r#type) => {
            format!("Sent {count} {many}")
        }
        count => format!("Sent {count} attachments"),
    }
}

/// The first picture of a message, if its address is one that a device can fetch.
pub fn picture(message: &Message) -> Option<String> {
    let image = message.attachments.iter().find(|attachment| attachment.r#type == "image")?;
    let url = if image.thumbnail_url.is_empty() { &image.url } else { &image.thumbnail_url };
    (url.starts_with("https://") || url.starts_with("http://")).then(|| url.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, attachments: &[&str]) -> Message {
        let attachments = attachments
            .iter()
            .map(|kind| Attachment {
                r#type: (*kind).into(),
                url: "https://a/b".into(),
                ..Default::default()
            })
            .collect();
        Message { text: text.into(), attachments, ..Default::default() }
    }

    #[test]
    fn each_kind_has_its_words() {
        use Kind::*;
        let hello = message("Hello\n there", &[]);
        let said = |kind, channel, is_direct, count| Said {
            kind,
            actor: "Ada",
            channel,
            is_direct,
            message: Some(&hello),
            emoji: "👍",
            count,
        };
        let table = [
            (said(Message, "Bob", true, 1), "Ada", "Hello there"),
            (said(Message, "", true, 3), "Ada", "3 new messages"),
            (said(Message, "General", false, 1), "General", "Ada: Hello there"),
            (said(Message, "General", false, 12), "General", "12 new messages"),
            (said(Mention, "General", false, 4), "Ada mentioned you in General", "Hello there"),
            (said(Mention, "", true, 1), "Ada mentioned you", "Hello there"),
            (said(ThreadReply, "General", false, 1), "Ada replied in General", "Hello there"),
            (said(ThreadReply, "General", false, 2), "General", "2 new replies"),
            (said(Reaction, "General", false, 1), "General", "Ada reacted 👍 to your message: Hello there"),
            (said(Reaction, "", true, 2), "Ada", "2 new reactions to your messages"),
            (said(Invite, "General", false, 1), "General", "Ada added you to General"),
        ];
        for (said, title, body) in table {
            assert_eq!(words(&said), (title.to_owned(), body.to_owned()), "{:?}", said.kind);
        }
        let by_backend = Said { actor: "", message: None, ..said(Invite, "", false, 1) };
        assert_eq!(words(&by_backend), ("New channel".to_owned(), "You were added to a channel".to_owned()));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(excerpt(&message(&"ü".repeat(140), &[])), "ü".repeat(140));
        assert_eq!(excerpt(&message(&"😀".repeat(200), &[])), "😀".repeat(140) + "…");
        assert_eq!(excerpt(&message(" \n ", &[])), "");
    }

    #[test]
    fn without_text_it_is_said_what_is_attached() {
        for (attachments, words) in [
            (&["image"][..], "Sent a photo"),
            (&["image", "image"], "Sent 2 photos"),
            (&["image", "file", "file"], "Sent 3 attachments"),
            (&["voicenote"], "Sent a voice message"),
            (&["unheard"], "Sent a file"),
        ] {
            assert_eq!(excerpt(&message("", attachments)), words);
        }
        assert_eq!(picture(&message("", &["file", "image"])).as_deref(), Some("https://a/b"));
        assert_eq!(picture(&message("", &["file"])), None);
    }
}
