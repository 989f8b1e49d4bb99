//! Custom data: a JSON object kept as canonical text.

use serde_json::{Map, Value};

use crate::error::{Error, Reason, Result};

/// Most bytes of an object's custom data.
pub const MAX_CUSTOM_BYTES: usize = 5 * 1024;
/// Deepest nesting of custom data.
pub const MAX_CUSTOM_DEPTH: usize = 16;

/// Parses custom data; empty text is the empty object.
pub fn parse_custom(text: &str) -> Result<Map<String, Value>> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(Error::invalid("custom", "must be a JSON object")),
    }
}

/// Checks size and depth and gives the text to keep; the empty object becomes empty text.
pub fn custom_text(map: &Map<String, Value>) -> Result<String> {
    if map.is_empty() {
        return Ok(String::new());
    }
    if depth_of_object(map) > MAX_CUSTOM_DEPTH {
        return Err(Error::invalid("custom", "is nested too deeply"));
    }
    let text = Value::Object(map.clone()).to_string();
    if text.len() > MAX_CUSTOM_BYTES {
        return Err(Error {
            field: Some("custom".to_owned()),
            ..Error::new(Reason::CustomTooLarge, format!("custom data must fit in {MAX_CUSTOM_BYTES} bytes"))
        });
    }
    Ok(text)
}

/// Merges `change` into `base` key by key; null removes a key.
pub fn merge_custom(base: &mut Map<String, Value>, change: Map<String, Value>) {
    for (key, value) in change {
        if value.is_null() {
            base.remove(&key);
        } else {
            base.insert(key, value);
        }
    }
}

fn depth_of_object(map: &Map<String, Value>) -> usize {
    1 + map.values().map(depth).max().unwrap_or(0)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => depth_of_object(map),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
