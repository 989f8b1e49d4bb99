//! What a site says of a page in JSON (oembed.com). Its HTML is not used.

use serde_json::Value;
use url::Url;

use super::link;

/// Words as they were sent, the picture made absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oembed {
    pub title: String,
    pub description: String,
    pub author: String,
    pub site_name: String,
    pub picture: Option<Url>,
    pub is_video: bool,
}

impl Oembed {
    /// Reads an answer that came from `base`; `None` if it is not a JSON object.
    pub fn parse(base: &Url, body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let object = value.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        let picture = link::absolute(base, text("thumbnail_url"))
            .or_else(|| link::absolute(base, text("url")).filter(|_| kind == "photo"));
        Some(Self {
            title: text("title").to_owned(),
            description: text("description").to_owned(),
            author: text("author_name").to_owned(),
            site_name: text("provider_name").to_owned(),
            picture,
            is_video: kind == "video",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_what_is_wrong_in_them_is_left_out() {
        let base = Url::parse("https://a.example/oembed").unwrap();
        let parse = |text: &str| Oembed::parse(&base, text.as_bytes());
        let photo = parse(
            r#"{"type":"photo","title":"T","author_name":"A","provider_name":"P","url":"/p.jpg","width":1}"#,
        );
        let photo = photo.unwrap();
        assert_eq!((photo.title.as_str(), photo.author.as_str(), photo.site_name.as_str()), ("T", "A", "P"));
        assert_eq!(photo.picture.unwrap().as_str(), "https://a.example/p.jpg");
        let odd =
            parse(r#"{"type":"video","title":7,"thumbnail_url":"javascript:1","url":"/page"}"#).unwrap();
        assert_eq!(odd, Oembed { is_video: true, ..Default::default() });
        for wrong in ["", "[]", "null", "{", "<html>", &"[".repeat(100_000)] {
            assert_eq!(parse(wrong), None, "{}", &wrong[..wrong.len().min(9)]);
        }
    }
}
