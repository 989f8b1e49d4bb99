//! Reading what an app has set up: typed, with errors that name the field and never show a secret.

use parlance_core::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Common;
use super::public::may_be_public;

/// A secret on its way into a key or a header: never printed.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    pub fn expose(&self) -> &str {
        self.0.trim()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

pub(super) fn settings<T: DeserializeOwned>(value: &Value) -> Result<T> {
    read("settings", value, |error| error.to_string())
}

/// What serde says of a wrong type quotes the value, so of secrets only the place is told.
pub(super) fn secrets<T: DeserializeOwned>(value: &Value) -> Result<T> {
    read("secrets", value, |_| "has a key that is not known, or is not a string".to_owned())
}

/// A secret that must be there.
pub(super) fn required(field: &str, secret: Option<Secret>) -> Result<Secret> {
    secret.filter(|secret| !secret.expose().is_empty()).ok_or_else(|| Error::invalid(field, "is required"))
}

fn read<T: DeserializeOwned>(
    place: &str,
    value: &Value,
    say: impl Fn(&serde_json::Error) -> String,
) -> Result<T> {
    let empty = Value::Object(serde_json::Map::new());
    let value = if value.is_null() { &empty } else { value };
    if !value.is_object() {
        return Err(Error::invalid(place, "must be a JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { place.to_owned() } else { format!("{place}.{path}") };
        Error::invalid(&field, say(error.inner()))
    })
}

/// The address of a service: https and public, or with `allow_private_networks` http and private as well.
pub(super) fn base_url(field: &str, text: Option<&str>, default: &str, common: &Common) -> Result<Url> {
    let url = Url::parse(text.unwrap_or(default)).map_err(|_| Error::invalid(field, "is not a URL"))?;
    if url.scheme() != "https" && !(common.allow_private_networks && url.scheme() == "http") {
        return Err(Error::invalid(field, "must be an https URL"));
    }
    let bare = url.username().is_empty() && url.password().is_none();
    if url.host_str().is_none_or(str::is_empty) || !bare || url.query().is_some() || url.fragment().is_some()
    {
        return Err(Error::invalid(field, "must be a plain address without user, query and fragment"));
    }
    if !common.allow_private_networks && !may_be_public(&url) {
        return Err(Error::invalid(field, "must be a public address"));
    }
    Ok(url)
}

/// `base` with the segments behind its path, each escaped.
pub(super) fn join<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    // Only addresses without a host have no path, and `base_url` takes none of those.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A name that stands in a header, a path or a token: 1 to 255 visible ASCII characters.
pub(super) fn name(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 255 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(field, "must be 1 to 255 visible ASCII characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        api_key: Option<Secret>,
    }

    #[test]
    fn an_error_about_secrets_names_the_place_and_shows_no_value() {
        let wrong =
            [json!({ "api_key": 4711 }), json!({ "api_key": { "x": "4711" } }), json!({ "other": "4711" })];
        for value in wrong {
            let error = secrets::<Keys>(&value).unwrap_err();
            assert!(!error.to_string().contains("4711"), "{error}");
            assert!(error.field.as_deref().unwrap().starts_with("secrets"), "{error:?}");
        }
        for none in [json!({}), json!(null), json!({ "api_key": " " })] {
            let read = secrets::<Keys>(&none).unwrap();
            assert_eq!(
                required("secrets.api_key", read.api_key).unwrap_err().message,
                "secrets.api_key is required"
            );
        }
        assert!(secrets::<Keys>(&json!("4711")).unwrap_err().message.ends_with("must be a JSON object"));
        let read = secrets::<Keys>(&json!({ "api_key": "4711" })).unwrap();
        assert_eq!(format!("{read:?}"), "Keys { api_key: Some(***) }");
    }

    #[test]
    fn segments_behind_an_address_cannot_leave_it() {
        let base = Url::parse("https://push.example/api/").unwrap();
        assert_eq!(
            join(&base, ["v1", "a/../b?c#d", "x:y"]).as_str(),
            "https://push.example/api/v1/a%2F..%2Fb%3Fc%23d/x:y"
        );
    }
}
