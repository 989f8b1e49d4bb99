//! The description of the API and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use parlance_gateway::Settings;
use serde_json::{Value, json};

use crate::fake::{Front, Services};

async fn description() -> Value {
    let front = Front::new(Services::default()).await;
    let answer = front.send("GET", "/openapi.json", &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json()
}

fn operations(description: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// Every `$ref` in a value.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_description_says_its_version_and_where_the_server_is() {
    let description = description().await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(description["servers"], json!([{"url": "/"}]));
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_how_it_refuses() {
    let description = description().await;
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let what = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{what}: its id is taken");
        let summary = operation["summary"].as_str().unwrap();
        let is_alias = summary.starts_with("The same as");
        assert!(summary.len() > 3 && (is_alias || !summary.contains("/api/")), "{what}: {summary:?}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{what}");
        let named: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| {
                assert!(!one["description"].as_str().unwrap_or_default().is_empty(), "{what}: {one}");
                one["name"].as_str().unwrap()
            })
            .collect();
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            assert!(named.contains(part), "{what}: {part} is not described");
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
        for status in ["401", "429", "503"] {
            assert!(responses.contains_key(status), "{what}: {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let description = description().await;
    for reference in references(&description) {
        let found = description.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some(), "{reference}");
    }
}

#[tokio::test]
async fn both_spellings_are_described_and_what_may_be_null_is_always_there() {
    let description = description().await;
    let message = &description["components"]["schemas"]["Message"]["allOf"];
    let (mut fields, mut required) = (BTreeMap::new(), BTreeSet::new());
    for part in message.as_array().unwrap() {
        let part = match part["$ref"].as_str() {
            Some(reference) => description.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => part,
        };
        fields.extend(part["properties"].as_object().unwrap());
        required.extend(part["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()));
    }
    for name in ["channelId", "channel_id", "deletedAt", "deleted_at", "pinnedBy", "linkPreviews"] {
        assert!(fields.contains_key(&name.to_owned()), "{name} in {fields:?}");
        assert!(required.contains(name), "{name} in {required:?}");
    }
    assert!(!required.contains("duplicate"));
    let deleted_at = fields[&"deletedAt".to_owned()];
    assert_eq!(deleted_at["type"], json!(["string", "null"]), "{deleted_at}");
    assert_eq!(deleted_at["format"], "date-time");
}

#[tokio::test]
async fn credentials_are_described_as_the_settings_ask_for_them() {
    let both = json!({"accessToken": [], "apiKey": []});
    let description = description().await;
    assert_eq!(description["paths"]["/api/channels"]["get"]["security"], json!([both]));
    assert_eq!(description["paths"]["/tokens"]["post"]["security"], json!([{"apiKey": []}]));

    let mut settings = Settings::default();
    settings.chatsdk.require_api_key = false;
    let front = Front::with_settings(Services::default(), settings).await;
    let description = front.send("GET", "/openapi.json", &[], "").await.json();
    let either = json!([{"accessToken": []}, both]);
    assert_eq!(description["paths"]["/api/channels"]["get"]["security"], either);
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let front = Front::new(Services::default()).await;
    let page = front.send("GET", "/docs", &[], "").await;
    assert_eq!(
        (page.status, page.headers["content-type"].to_str().unwrap()),
        (200, "text/html; charset=utf-8")
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for file in ["/docs", "/docs/page.css", "/docs/page.js"] {
        let answer = front.send("GET", file, &[], "").await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{file}");
        let text = std::str::from_utf8(&answer.bytes).unwrap();
        let elsewhere =
            ["src=\"http", "href=\"http", " url(", ":url(", "@import", "import ", "src=\"//", "href=\"//"];
        for word in elsewhere {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
}

#[tokio::test]
async fn without_the_setting_there_is_neither_page_nor_description() {
    let mut settings = Settings::default();
    settings.gateway.docs = false;
    let front = Front::with_settings(Services::default(), settings).await;
    for path in ["/openapi.json", "/docs", "/docs/page.js"] {
        assert_eq!(front.send("GET", path, &[], "").await.refusal(), (404, "NOT_FOUND".into()), "{path}");
    }
}
