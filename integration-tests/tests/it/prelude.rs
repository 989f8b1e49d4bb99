//! What nearly every scenario needs.

pub use parlance_integration_tests::harness::{DEV_APP, DEV_KEY, DEV_SECRET};
pub use parlance_integration_tests::rest::Answer;
pub use parlance_integration_tests::wait::{PATIENCE, eventually};
pub use parlance_integration_tests::{Encoding, Harness, Options, Realtime, Rest, User};
pub use reqwest::Method;
pub use serde_json::{Value, json};

/// A well-formed UUID that names nothing.
pub const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// The id of a message or channel.
#[track_caller]
pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}")).to_owned()
}

#[track_caller]
pub fn seq(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {message}"))
}

/// One field of every element.
pub fn each(list: &Value, field: &str) -> Vec<Value> {
    let items = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    items.iter().map(|item| item[field].clone()).collect()
}

/// One text field of every element.
pub fn texts(list: &Value, field: &str) -> Vec<String> {
    each(list, field).iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
}

/// The element whose `field` is `value`.
#[track_caller]
pub fn find(list: &Value, field: &str, value: &str) -> Value {
    let items = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    let found = items.iter().find(|item| item[field] == value);
    found.unwrap_or_else(|| panic!("no {field} = {value} in {list}")).clone()
}

/// Fails unless every named field is there (null counts as there).
#[track_caller]
pub fn has(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no {field} in {object}");
    }
}

/// The claims of a JWT, unchecked.
pub fn claims(token: &str) -> Value {
    use base64::Engine;
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a JWT has three parts: {token}");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// An HS256 token over any claims.
pub fn sign(claims: &Value, secret: &str) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

/// Unix seconds.
pub fn now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// Path of a channel.
pub fn ch(channel: &str) -> String {
    format!("/api/channels/{channel}")
}

/// Path of a message in a channel.
pub fn msg(channel: &str, message: &str) -> String {
    format!("/api/channels/{channel}/messages/{message}")
}

/// Runs a command to its end; panics with its output if it fails.
#[track_caller]
pub fn run(command: &mut std::process::Command) -> String {
    let std::process::Output { status, stdout, stderr } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs what is missing"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}
