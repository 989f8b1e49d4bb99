use std::collections::BTreeMap;

use config::ValueKind;
use serde_json::{Map, Value, json};

use crate::flat;

/// The JSON Schema (2020-12) of a TOML file with some settings of `reference`: types and defaults from its
/// values, descriptions from the comments above them (a comment speaks for all keys up to the next one).
/// `secrets` are write-only; `choices` are the texts that a setting may have.
pub fn schema(reference: &'static str, secrets: &[&str], choices: &[(&str, &[&str])]) -> Value {
    let values = flat::parse(reference, "the built-in reference").unwrap_or_default();
    let comments = comments(reference);
    let mut root = object(comments.get(""));
    for (key, default) in &values {
        let mut setting = setting(default);
        if let Some(comment) = comments.get(key) {
            setting.insert("description".to_owned(), json!(comment));
        }
        if secrets.contains(&key.as_str()) {
            setting.insert("writeOnly".to_owned(), json!(true));
        }
        if let Some((_, texts)) = choices.iter().find(|(name, _)| name == key) {
            setting.insert("enum".to_owned(), json!(texts));
        }
        insert(&mut root, "", key, Value::Object(setting), &comments);
    }
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.extend(root);
    Value::Object(schema)
}

fn object(description: Option<&String>) -> Map<String, Value> {
    let mut object = Map::new();
    if let Some(text) = description {
        object.insert("description".to_owned(), json!(text));
    }
    object.insert("type".to_owned(), json!("object"));
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), json!({}));
    object
}

/// Puts a setting into its section, making the sections above it.
fn insert(
    section: &mut Map<String, Value>,
    path: &str,
    key: &str,
    setting: Value,
    comments: &BTreeMap<String, String>,
) {
    let Some(Value::Object(properties)) = section.get_mut("properties") else { return };
    let Some((name, rest)) = key.split_once('.') else {
        properties.insert(key.to_owned(), setting);
        return;
    };
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let below =
        properties.entry(name).or_insert_with(|| Value::Object(object(comments.get(&format!("[{path}]")))));
    if let Value::Object(below) = below {
        insert(below, &path, rest, setting, comments);
    }
}

fn setting(default: &ValueKind) -> Map<String, Value> {
    let value = match default {
        // Sizes, times and numbers of things: none is below zero.
        ValueKind::I64(number) => json!({"type": "integer", "minimum": 0, "default": number}),
        ValueKind::Float(number) => json!({"type": "number", "default": number}),
        ValueKind::Boolean(flag) => json!({"type": "boolean", "default": flag}),
        ValueKind::Array(items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            json!({"type": "array", "items": {"type": "string"}, "default": items})
        }
        other => json!({"type": "string", "default": other.to_string()}),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What the comments say: of settings by full key, of sections as `[name]`, and of the file as ``.
fn comments(reference: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let (mut section, mut text) = (String::new(), String::new());
    let mut within = false;
    for line in reference.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            if !within {
                text.clear();
            }
            within = true;
            let gap = if text.is_empty() { "" } else { " " };
            text = format!("{text}{gap}{}", comment.trim()).trim().to_owned();
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if within {
                all.insert(line.to_owned(), text.clone());
            }
            section = format!("{name}.");
            text.clear();
        } else if let Some((key, _)) = line.split_once('=') {
            if !text.is_empty() {
                all.insert(format!("{section}{}", key.trim()), text.clone());
            }
        } else if line.is_empty() {
            if within && all.is_empty() {
                all.insert(String::new(), text.clone());
            }
            text.clear();
        }
        within = false;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = r#"# All settings.
#
# In one file.

# Where data lives.
data_dir = "./data"

[gateway]
enabled = true
# Seconds between pings,
# and until the answer.
ping_s = 25
pong_s = 8
origins = ["*"]

# Whom to call.
[services.auth]
secret = ""
mode = "a"
"#;

    #[test]
    fn types_defaults_and_descriptions_come_from_the_reference() {
        let schema = schema(REFERENCE, &["services.auth.secret"], &[("services.auth.mode", &["a", "b"])]);
        let text = |description: &str, default: Value| json!({"type": "string", "default": default, "description": description});
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["description"], "All settings. In one file.");
        assert_eq!(schema["properties"]["data_dir"], text("Where data lives.", json!("./data")));
        let gateway = &schema["properties"]["gateway"];
        assert_eq!(gateway["additionalProperties"], false);
        assert_eq!(gateway["properties"]["enabled"], json!({"type": "boolean", "default": true}));
        let both = "Seconds between pings, and until the answer.";
        for (key, default) in [("ping_s", 25), ("pong_s", 8)] {
            let wanted = json!({"type": "integer", "minimum": 0, "default": default, "description": both});
            assert_eq!(gateway["properties"][key], wanted);
        }
        assert_eq!(gateway["properties"]["origins"]["items"], json!({"type": "string"}));
        assert_eq!(gateway["properties"]["origins"]["default"], json!(["*"]));
        let auth = &schema["properties"]["services"]["properties"]["auth"];
        assert_eq!(auth["description"], "Whom to call.");
        assert_eq!(auth["properties"]["secret"]["writeOnly"], true);
        assert_eq!(auth["properties"]["mode"]["enum"], json!(["a", "b"]));
    }
}
