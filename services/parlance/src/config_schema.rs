//! `parlance config schema`: the settings as JSON Schema.

use crate::config::{REFERENCE, SECRETS};

/// Settings that are one of a few words.
const CHOICES: &[(&str, &[&str])] =
    &[("rate_limits.api_scope", &["key", "user"]), ("log.format", &["auto", "pretty", "json"])];

/// The JSON Schema (2020-12) of a configuration file, as text. A file needs only what differs from the defaults.
pub fn text() -> String {
    let mut schema = parlance_config::schema(REFERENCE, SECRETS, CHOICES);
    schema["title"] = "Parlance".into();
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use parlance_config::{Merged, Sources};
    use serde_json::Value;

    use super::*;

    /// Full keys of all settings below a section.
    fn settings(section: &Value, prefix: &str, into: &mut Vec<(String, Value)>) {
        assert_eq!(section["additionalProperties"], false, "{prefix}");
        for (name, below) in section["properties"].as_object().unwrap() {
            if below["type"] == "object" {
                settings(below, &format!("{prefix}{name}."), into);
            } else {
                into.push((format!("{prefix}{name}"), below.clone()));
            }
        }
    }

    #[test]
    fn every_setting_of_the_reference_is_described_with_its_default() {
        let schema: Value = serde_json::from_str(&text()).unwrap();
        let mut all = Vec::new();
        settings(&schema, "", &mut all);
        let lines = REFERENCE.lines().filter(|line| !line.starts_with('#') && line.contains(" = "));
        assert_eq!(all.len(), lines.count());
        for (key, setting) in &all {
            assert!(setting.get("default").is_some() && setting.get("type").is_some(), "{key}: {setting}");
            // What the services have in common is said once, of their first section.
            assert!(
                key.starts_with("services.") || setting.get("description").is_some(),
                "{key} says nothing"
            );
            assert_eq!(setting["writeOnly"] == true, SECRETS.contains(&key.as_str()), "{key}");
            if let Some(choices) = setting.get("enum") {
                assert!(choices.as_array().unwrap().contains(&setting["default"]), "{key}: {setting}");
            }
        }
        for (key, _) in CHOICES {
            assert!(all.iter().any(|(known, _)| known == key), "{key} is no setting");
        }
    }

    #[test]
    fn the_choices_are_those_that_are_accepted() {
        for (key, choices) in CHOICES {
            let name = format!("PARLANCE__{}", key.replace('.', "__").to_uppercase());
            let accepts = |value: &str| {
                let environment = vec![(name.clone(), value.to_owned())];
                let sources = Sources { environment, ..Sources::default() };
                crate::Config::read(&Merged::load(REFERENCE, &sources).unwrap()).is_ok()
            };
            assert!(choices.iter().all(|choice| accepts(choice)) && !accepts("something else"), "{key}");
        }
    }
}
