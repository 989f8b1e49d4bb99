use reqwest::header::HeaderMap;
use serde_json::Value;

/// What a server answered. The asserting methods panic with the request and the whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path of the request, for messages.
    pub request: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON; null if it is not.
    pub body: Value,
}

impl Answer {
    pub(super) fn new(request: String, status: u16, headers: HeaderMap, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { request, status, headers, text, body }
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.expect(200)
    }

    /// The body of a 201.
    #[track_caller]
    pub fn created(self) -> Value {
        self.expect(201)
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text);
        self.body
    }

    /// A refusal with this status and code; answers `error`.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let got = self.body["error"]["code"].as_str().unwrap_or("no code").to_owned();
        assert_eq!((self.status, got.as_str()), (status, code), "{}: {}", self.request, self.text);
        self.body["error"].clone()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What holds for every answer of every endpoint (chatsdk.md §1, §1.2).
    #[track_caller]
    pub(super) fn check_shared_rules(&self) {
        let Self { request, status, text, .. } = self;
        assert!(*status < 500, "{request} answered {status}: {text}");
        if *status >= 400 {
            let error = &self.body["error"];
            assert!(
                error["message"].is_string() && error["code"].is_string(),
                "{request} answered {status} outside the error envelope: {text:?}"
            );
        }
        check_times(request, &self.body);
    }
}

/// Fields that hold times read `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[track_caller]
fn check_times(request: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_time = name.ends_with("At") || name.ends_with("_at") || name == "lastSeen";
                if let (true, Some(text)) = (is_time, value.as_str()) {
                    assert!(is_utc_millis(text), "{request}: {name} is {text:?}, not UTC milliseconds");
                }
                if name != "custom" {
                    check_times(request, value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_times(request, item)),
        _ => {}
    }
}

/// Whether a text has exactly the form `2024-01-31T12:00:00.000Z`.
pub fn is_utc_millis(text: &str) -> bool {
    let form = b"dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form() {
        assert!(is_utc_millis("2024-01-31T12:00:00.123Z"));
        for wrong in ["2024-01-31T12:00:00Z", "2024-01-31T12:00:00.123+00:00", "2024-01-31 12:00:00.123Z", ""]
        {
            assert!(!is_utc_millis(wrong), "{wrong}");
        }
    }
}
