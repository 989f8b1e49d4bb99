//! The JSON form: objects joined by newlines; zero, empty and absent fields are left out.

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Command, DecodeError, Publication, Reply, SubscribeResult};

/// Reads one frame. Nesting is bounded by the parser (128 levels), memory by the frame.
pub fn decode(frame: &[u8], max_commands: usize) -> Result<Vec<Command>, DecodeError> {
    let mut commands = Vec::new();
    let frame = frame.strip_suffix(b"\n").unwrap_or(frame);
    for line in frame.split(|&byte| byte == b'\n') {
        if commands.len() == max_commands {
            return Err(DecodeError::TooManyCommands);
        }
        commands.push(serde_json::from_slice(line).map_err(|_| DecodeError::Malformed)?);
    }
    Ok(commands)
}

/// Keeps a value as the JSON text that it is; `null` is empty.
pub(super) fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    Ok(match text.get() {
        "null" => Bytes::new(),
        text => Bytes::copy_from_slice(text.as_bytes()),
    })
}

/// Whether a value is there and not `null`; its content does not matter.
pub(super) fn is_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(deserializer)?.map(|_| Bytes::new()))
}

/// Appends a reply, without a line end.
pub fn encode(reply: &Reply, out: &mut String) {
    let mut object = Object::open(out);
    object.number("id", u64::from(reply.id));
    if let Some(error) = &reply.error {
        let mut inner = object.object("error");
        inner.number("code", u64::from(error.code));
        inner.string("message", &error.message);
        inner.flag("temporary", error.temporary);
        inner.close();
    }
    if let Some(push) = &reply.push {
        let mut inner = object.object("push");
        inner.string("channel", &push.channel);
        if let Some(publication) = &push.publication {
            write_publication(inner.object("pub"), publication);
        }
        if let Some(unsubscribe) = &push.unsubscribe {
            let mut inner = inner.object("unsubscribe");
            inner.number("code", u64::from(unsubscribe.code));
            inner.string("reason", &unsubscribe.reason);
            inner.close();
        }
        inner.close();
    }
    if let Some(connect) = &reply.connect {
        let mut inner = object.object("connect");
        inner.string("client", &connect.client);
        inner.string("version", &connect.version);
        inner.flag("expires", connect.expires);
        inner.number("ttl", u64::from(connect.ttl));
        inner.number("ping", u64::from(connect.ping));
        inner.flag("pong", connect.pong);
        inner.close();
    }
    if let Some(subscribe) = &reply.subscribe {
        write_subscribe(object.object("subscribe"), subscribe);
    }
    if reply.unsubscribe.is_some() {
        object.object("unsubscribe").close();
    }
    if let Some(refresh) = &reply.refresh {
        let mut inner = object.object("refresh");
        inner.string("client", &refresh.client);
        inner.string("version", &refresh.version);
        inner.flag("expires", refresh.expires);
        inner.number("ttl", u64::from(refresh.ttl));
        inner.close();
    }
    if let Some(refresh) = &reply.sub_refresh {
        let mut inner = object.object("sub_refresh");
        inner.flag("expires", refresh.expires);
        inner.number("ttl", u64::from(refresh.ttl));
        inner.close();
    }
    object.close();
}

fn write_subscribe(mut object: Object<'_>, result: &SubscribeResult) {
    object.flag("expires", result.expires);
    object.number("ttl", u64::from(result.ttl));
    object.flag("recoverable", result.recoverable);
    object.string("epoch", &result.epoch);
    if !result.publications.is_empty() {
        object.key("publications");
        object.out.push('[');
        for (index, publication) in result.publications.iter().enumerate() {
            if index > 0 {
                object.out.push(',');
            }
            write_publication(Object::open(object.out), publication);
        }
        object.out.push(']');
    }
    object.flag("recovered", result.recovered);
    object.number("offset", result.offset);
    object.flag("positioned", result.positioned);
    object.flag("was_recovering", result.was_recovering);
    object.close();
}

fn write_publication(mut object: Object<'_>, publication: &Publication) {
    if !publication.data.is_empty() {
        object.key("data");
        push_one_line(object.out, &publication.data);
    }
    object.number("offset", publication.offset);
    object.string("epoch", &publication.epoch);
    object.close();
}

/// Embeds JSON text. A raw line end can only be white space there (in strings it is escaped), and
/// would end the object that it is embedded in.
fn push_one_line(out: &mut String, json: &[u8]) {
    match std::str::from_utf8(json) {
        Ok(text) if text.bytes().all(|byte| byte != b'\n' && byte != b'\r') => out.push_str(text),
        Ok(text) => out.extend(text.chars().filter(|&c| c != '\n' && c != '\r')),
        Err(_) => out.push_str("null"),
    }
}

/// Writes one object; fields that are zero or empty are skipped.
struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn object(&mut self, key: &str) -> Object<'_> {
        self.key(key);
        Object::open(self.out)
    }

    fn number(&mut self, key: &str, value: u64) {
        if value != 0 {
            self.key(key);
            self.out.push_str(&value.to_string());
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.key(key);
            self.out.push_str("true");
        }
    }

    fn string(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.key(key);
        self.out.push('"');
        for c in value.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                c if (c as u32) < 0x20 => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn close(self) {
        self.out.push('}');
    }
}
