//! What requests bring besides credentials: bodies, queries and path parameters, read so that
//! wrong input is always a clear 4xx.

use std::collections::HashMap;

use axum::extract::{FromRequest, FromRequestParts, Query as AxumQuery, RawPathParams, Request};
use http::request::Parts;
use parlance_core::{Num, id};
use parlance_proto::message::{MessageRef, message_ref::Ref};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::{Code, Detail, Failure};
use crate::middleware::body_limit::{self, Unreadable};
use crate::state::Edge;

// ------------------------------------------------------------------------------------------ bodies

/// A JSON object; an absent body reads as `{}`. Unknown keys are ignored, a wrong type is 400.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Edge> for Input<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Failure> {
        let limit = edge.settings().gateway.max_body_bytes;
        let (parts, body) = request.into_parts();
        let bytes = body_limit::read(&parts.headers, body, limit).await.map_err(|why| match why {
            Unreadable::TooLarge => {
                Failure::new(Code::PayloadTooLarge, format!("a request body may have {limit} bytes"))
            }
            Unreadable::Broken => Failure::new(Code::ValidationError, "the request body broke off"),
        })?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let text = bytes.trim_ascii();
    let text = if text.is_empty() { b"{}" } else { text };
    // Structs would also read from arrays, field by field.
    if text.first() != Some(&b'{') {
        return Err(bad_body("", "the body must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // `.` is the body itself, `?` a place inside of broken syntax.
        let path = if matches!(path.as_str(), "." | "?") { "" } else { &path };
        bad_body(path, &what_is_wrong(error.inner()))
    })?;
    deserializer.end().map_err(|_| bad_body("", "the body must be one JSON object and nothing else"))?;
    Ok(value)
}

/// The parser's words without the place, which is of no use to people. They name types, and the
/// first characters of a value of the wrong one.
fn what_is_wrong(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}

fn bad_body(path: &str, message: &str) -> Failure {
    let shown = if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") };
    Failure {
        details: vec![Detail { path: path.to_owned(), message: message.to_owned() }],
        ..Failure::new(Code::ValidationError, shown)
    }
}

/// One element of a list, read by itself: its failure is its own.
pub fn parse_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    if !value.is_object() {
        return Err("must be an object".to_owned());
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| format!("{}: {}", error.path(), what_is_wrong(error.inner())))
}

/// A field of a change: absent (`None`), null or given (`Some`). Use with `#[serde(default)]`.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Custom data as the text that services take.
pub fn custom_text(custom: Option<Map<String, Value>>) -> Option<String> {
    custom.map(|map| Value::Object(map).to_string())
}

/// A field that must be there and not be empty.
pub fn required(path: &str, value: Option<String>) -> Result<String, Failure> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| Failure::invalid(path, "is required"))
}

/// Checks how many elements a list has.
pub fn count_between(path: &str, len: usize, least: usize, most: usize) -> Result<(), Failure> {
    if (least..=most).contains(&len) {
        return Ok(());
    }
    Err(Failure::invalid(path, format_args!("must have {least} to {most} elements")))
}

/// The `Idempotency-Key` header, empty if there is none.
pub struct IdempotencyKey(pub String);

impl FromRequestParts<Edge> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Failure> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(String::new())) };
        match value.to_str() {
            Ok(text) if text.len() <= 255 => Ok(Self(text.to_owned())),
            _ => Err(Failure::invalid("Idempotency-Key", "must be at most 255 visible characters")),
        }
    }
}

// ----------------------------------------------------------------------------------------- queries

/// The query string. Of a repeated parameter the last one counts; an empty one counts as absent.
pub struct Query(HashMap<String, String>);

impl FromRequestParts<Edge> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Failure> {
        let pairs = AxumQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Failure::new(Code::ValidationError, "the query string is malformed"))?;
        Ok(Self(pairs.0.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }
}

impl Query {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number, brought into its range; `None` if absent, 400 if it is none.
    fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Failure::invalid(name, "must be a whole number"));
        }
        let number = if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) };
        Ok(Some(number.clamp(least, most)))
    }

    /// The page size: `usual` if absent, brought into 1 to `most`.
    pub fn limit(&self, usual: u32, most: u32) -> Result<u32, Failure> {
        Ok(self.number("limit", 1, most.into())?.map_or(usual, |limit| limit as u32))
    }

    pub fn offset(&self) -> Result<u32, Failure> {
        // More than anybody has, and within what databases count with.
        Ok(self.number("offset", 0, i32::MAX as u64)?.unwrap_or(0) as u32)
    }

    /// A sequence number; 0 if absent.
    pub fn seq(&self, name: &str) -> Result<u64, Failure> {
        Ok(self.number(name, 0, i64::MAX as u64)?.unwrap_or(0))
    }

    /// `true` or `1`, `false` or `0`; false if absent.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Failure::invalid(name, "must be true or false")),
        }
    }

    /// An ISO 8601 instant.
    pub fn time(&self, name: &str) -> Result<Option<prost_types::Timestamp>, Failure> {
        self.text(name)
            .map(|text| parse_time(text).ok_or_else(|| Failure::invalid(name, "must be an ISO 8601 time")))
            .transpose()
    }
}

/// Reads an ISO 8601 instant with its zone.
pub fn parse_time(text: &str) -> Option<prost_types::Timestamp> {
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(prost_types::Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos() as i32 })
}

// ------------------------------------------------------------------------------------------- paths

/// The channel of `{id}`; whatever is not an id of ours is not found.
pub struct ChannelPath(pub Num);

/// The channel of `{id}` and the message of `{mid}`.
pub struct MessagePath {
    pub channel: Num,
    pub message: MessageRef,
}

/// The message of `{mid}`, wherever it is.
pub struct LoneMessagePath(pub MessageRef);

/// The user id of `{userId}`, any text.
pub struct UserPath(pub String);

/// The device of `{deviceId}`, any text.
pub struct DevicePath(pub String);

/// The emoji of `{emoji}`.
pub struct EmojiPath(pub String);

async fn parameter(parts: &mut Parts, edge: &Edge, name: &str) -> Result<String, Failure> {
    let parameters = RawPathParams::from_request_parts(parts, edge)
        .await
        // The path is not UTF-8 once decoded.
        .map_err(|_| Failure::not_found("route"))?;
    let value = parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| Failure::not_found("route"))
}

async fn channel_of(parts: &mut Parts, edge: &Edge) -> Result<Num, Failure> {
    let text = parameter(parts, edge, "id").await?;
    id::parse(&text).ok_or_else(|| Failure::not_found("channel"))
}

async fn message_of(parts: &mut Parts, edge: &Edge) -> Result<MessageRef, Failure> {
    let text = parameter(parts, edge, "mid").await?;
    message_ref(&text).ok_or_else(|| Failure::not_found("message"))
}

impl FromRequestParts<Edge> for ChannelPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        channel_of(parts, edge).await.map(Self)
    }
}

impl FromRequestParts<Edge> for MessagePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        Ok(Self { channel: channel_of(parts, edge).await?, message: message_of(parts, edge).await? })
    }
}

impl FromRequestParts<Edge> for LoneMessagePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        message_of(parts, edge).await.map(Self)
    }
}

impl FromRequestParts<Edge> for UserPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        parameter(parts, edge, "userId").await.map(Self)
    }
}

impl FromRequestParts<Edge> for DevicePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        parameter(parts, edge, "deviceId").await.map(Self)
    }
}

impl FromRequestParts<Edge> for EmojiPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        parameter(parts, edge, "emoji").await.map(Self)
    }
}

/// A message by our own UUID or by the client's; `None` if the text is no UUID.
pub fn message_ref(text: &str) -> Option<MessageRef> {
    let reference = match id::parse(text) {
        Some(num) => Ref::Num(num),
        None if text.len() == 36 && Uuid::try_parse(text).is_ok() => Ref::Id(text.to_owned()),
        None => return None,
    };
    Some(MessageRef { r#ref: Some(reference) })
}

/// A message named in a body or a query: what is no UUID names no message, and the service says so
/// with the reason that fits the place.
pub fn any_message_ref(text: &str) -> MessageRef {
    message_ref(text).unwrap_or_else(|| MessageRef { r#ref: Some(Ref::Id(text.to_owned())) })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as Derive;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Derive, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        name: Option<String>,
        member_ids: Option<Vec<String>>,
        #[serde(default, deserialize_with = "given")]
        image: Option<Option<String>>,
    }

    fn sample(text: &str) -> Result<Sample, Failure> {
        parse(text.as_bytes())
    }

    #[test]
    fn an_absent_body_is_an_empty_object_and_unknown_keys_are_ignored() {
        let empty = Sample { name: None, member_ids: None, image: None };
        for text in ["", " \n", "{}", r#"{"unknown":[1,{"x":2}]}"#] {
            assert_eq!(sample(text).unwrap(), empty, "{text}");
        }
    }

    #[test]
    fn null_is_told_from_absent_where_it_matters() {
        assert_eq!(sample(r#"{"image":null}"#).unwrap().image, Some(None));
        assert_eq!(sample(r#"{"image":"x"}"#).unwrap().image, Some(Some("x".to_owned())));
    }

    #[test]
    fn wrong_input_is_refused_with_its_path() {
        let table = [
            (r#"{"name":5}"#, "name"),
            (r#"{"memberIds":["a",7]}"#, "memberIds[1]"),
            (r#"{"memberIds":{}}"#, "memberIds"),
            ("[]", ""),
            ("null", ""),
            ("{", ""),
            ("{} {}", ""),
            ("\u{1}", ""),
        ];
        for (text, path) in table {
            let failure = sample(text).unwrap_err();
            assert_eq!(failure.code, Code::ValidationError, "{text}");
            assert_eq!(failure.details[0].path, path, "{text}");
        }
        let deep = format!(r#"{{"x":{}"#, "[".repeat(100_000));
        assert_eq!(sample(&deep).unwrap_err().code, Code::ValidationError);
        assert!(parse::<Sample>(b"{\"name\":\"\xff\"}").is_err());
    }

    fn query(text: &str) -> Query {
        let pairs = AxumQuery::<Vec<(String, String)>>::try_from_uri(&format!("/x?{text}").parse().unwrap());
        Query(pairs.unwrap().0.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    #[test]
    fn limits_are_brought_into_their_range_and_nonsense_is_refused() {
        for (text, limit) in [
            ("", 50),
            ("limit=", 50),
            ("limit=7", 7),
            ("limit=0", 1),
            ("limit=-3", 1),
            ("limit=999", 100),
            ("limit=99999999999999999999999", 100),
        ] {
            assert_eq!(query(text).limit(50, 100).unwrap(), limit, "{text}");
        }
        for text in ["limit=abc", "limit=1.5", "limit=-", "limit=%20"] {
            assert!(query(text).limit(50, 100).is_err(), "{text}");
        }
        assert!(query("include_deleted=maybe").flag("include_deleted").is_err());
        assert!(query("t=2024-01-01T00:00:00.5Z").time("t").unwrap().is_some());
        assert!(query("t=yesterday").time("t").is_err());
    }

    #[test]
    fn a_message_is_named_by_any_uuid_and_by_nothing_else() {
        let ours = id::text_of(4711 << 22);
        assert_eq!(message_ref(&ours).unwrap().r#ref, Some(Ref::Num(4711 << 22)));
        let theirs = "7b6d7a3e-52f5-4f5e-9d0b-0d8cbb6f6c11";
        assert_eq!(message_ref(theirs).unwrap().r#ref, Some(Ref::Id(theirs.to_owned())));
        for odd in ["", "xyz", "7b6d7a3e52f54f5e9d0b0d8cbb6f6c11", "../../etc"] {
            assert_eq!(message_ref(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_element_that_does_not_fit_says_why() {
        assert!(parse_value::<Sample>(json!({"name": 5})).unwrap_err().starts_with("name: "));
        assert!(parse_value::<Sample>(json!(["a"])).is_err());
    }
}
