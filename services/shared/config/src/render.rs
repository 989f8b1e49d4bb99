use config::ValueKind;

use crate::flat::Flat;
use crate::secret::MASK;

/// Rewrites the value of every `key = value` line of the reference. Each setting stands on one line
/// there, which a test of the program that owns the reference shows by reading the result back.
pub(crate) fn render(reference: &str, values: &Flat, secrets: &[&str]) -> String {
    let mut section = String::new();
    let mut text = String::with_capacity(reference.len());
    for line in reference.split_inclusive('\n') {
        let bare = line.trim();
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        }
        match bare.split_once('=').map(|(key, _)| key.trim()) {
            Some(key) if !bare.starts_with('#') => match values.get(&format!("{section}{key}")) {
                Some(value) => {
                    let secret = secrets.contains(&format!("{section}{key}").as_str());
                    text.push_str(&format!("{key} = {}\n", literal(value, secret)));
                }
                None => text.push_str(line),
            },
            _ => text.push_str(line),
        }
    }
    text
}

/// The TOML form of a value. JSON's strings, numbers and lists of them are TOML as well.
fn literal(value: &ValueKind, secret: bool) -> String {
    match value {
        ValueKind::String(text) if secret && !text.is_empty() => quoted(MASK),
        ValueKind::String(text) => quoted(text),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| literal(&item.kind, secret)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
