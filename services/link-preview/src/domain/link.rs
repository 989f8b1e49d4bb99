//! Links as they are asked for.

use parlance_core::{Error, Result};
use url::Url;

/// Longest link and longest address in a preview, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// An absolute http(s) URL, without its fragment; INVALID_ARGUMENT for anything else.
pub fn parse(text: &str) -> Result<Url> {
    if text.len() > MAX_URL_BYTES {
        return Err(Error::invalid("url", format!("must have at most {MAX_URL_BYTES} bytes")));
    }
    let mut url = Url::parse(text).map_err(|_| Error::invalid("url", "must be an absolute URL"))?;
    if !is_web(&url) {
        return Err(Error::invalid("url", "must be an http or https URL"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// `text` as it stands in a page at `base`, made absolute; `None` unless it is an http(s) URL of
/// reasonable length without credentials.
pub fn absolute(base: &Url, text: &str) -> Option<Url> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_URL_BYTES {
        return None;
    }
    let url = base.join(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (is_web(&url) && plain && url.as_str().len() <= MAX_URL_BYTES).then_some(url)
}

/// The host in lower case, without the dot that may end it.
pub fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_end_matches('.')
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_addresses_are_links() {
        for wrong in [
            "",
            "a",
            "/a",
            "//a.example/",
            "a.example",
            "ftp://a.example/",
            "javascript:alert(1)",
            "http://",
            "mailto:a@b.c",
        ] {
            assert_eq!(parse(wrong).unwrap_err().field.as_deref(), Some("url"), "{wrong}");
        }
        assert!(parse(&format!("https://a.example/{}", "x".repeat(2048))).is_err());
        assert_eq!(parse("HTTPS://A.Example/a?b#c").unwrap().as_str(), "https://a.example/a?b");
    }

    #[test]
    fn addresses_in_a_page_are_made_absolute() {
        let base = Url::parse("https://a.example/dir/page?x=1").unwrap();
        let of = |text: &str| absolute(&base, text).map(String::from);
        assert_eq!(of(" i.png ").as_deref(), Some("https://a.example/dir/i.png"));
        assert_eq!(of("/i.png").as_deref(), Some("https://a.example/i.png"));
        assert_eq!(of("//cdn.example/i.png").as_deref(), Some("https://cdn.example/i.png"));
        assert_eq!(of("http://b.example/").as_deref(), Some("http://b.example/"));
        for wrong in [
            "",
            " ",
            "data:image/png;base64,AA==",
            "javascript:alert(1)",
            "https://a:b@c.example/",
            "https://[x",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(of(&"x".repeat(3000)), None);
    }
}
