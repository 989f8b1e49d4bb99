//! What a page's head says of it: OpenGraph, Twitter cards, plain HTML, and where its oEmbed is.
//!
//! The head only: what stands in the body was perhaps written by the site's visitors. Nothing is executed.

use std::collections::HashMap;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use url::Url;

use super::link;
use super::oembed::Oembed;
use super::preview::{Kind, Preview};
use super::text::clean;

/// Most characters of what is shown.
pub const MAX_TITLE: usize = 300;
pub const MAX_DESCRIPTION: usize = 1000;
pub const MAX_SITE_NAME: usize = 100;

/// Names of `<meta>` that say something.
const NAMES: &[&str] = &[
    "og:title",
    "og:description",
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "og:site_name",
    "og:type",
    "twitter:title",
    "twitter:description",
    "twitter:image",
    "twitter:image:src",
    "description",
    "application-name",
];

/// What was read. The first of each kind counts.
#[derive(Debug, Default)]
pub struct Page {
    metas: HashMap<&'static str, String>,
    title: Option<String>,
    image_src: Option<Url>,
    icon: Option<Url>,
    touch_icon: Option<Url>,
    /// Where the page is described in JSON.
    pub oembed: Option<Url>,
    base: Option<Url>,
}

impl Page {
    /// Reads a page that was found at `url`.
    pub fn read(html: &str, url: &Url) -> Self {
        let mut emitter = DefaultEmitter::default();
        // `<title>` and `<script>` hold text, not tags.
        emitter.naively_switch_states(true);
        let mut page = Self::default();
        let mut title: Option<String> = None;
        let mut pictures = 0_usize;
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => match tag.name.as_slice() {
                    b"body" | b"frameset" => break,
                    // Pictures have titles of their own.
                    b"svg" if !tag.self_closing => pictures += 1,
                    b"title" if pictures == 0 && page.title.is_none() => title = Some(String::new()),
                    b"base" if page.base.is_none() => {
                        page.base = attribute(&tag, b"href").and_then(|href| link::absolute(url, &href))
                    }
                    b"meta" => page.meta(&tag),
                    b"link" => page.link(&tag, url),
                    _ => {}
                },
                Token::EndTag(tag) => match tag.name.as_slice() {
                    b"svg" => pictures = pictures.saturating_sub(1),
                    b"title" => page.title = page.title.take().or_else(|| title.take()),
                    _ => {}
                },
                Token::String(text) => {
                    if let Some(title) = &mut title {
                        title.push_str(&String::from_utf8_lossy(&text.value));
                    }
                }
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
        }
        // Cut off within the title.
        page.title = page.title.or(title);
        page
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        let Some(content) = attribute(tag, b"content").filter(|content| !content.trim().is_empty()) else {
            return;
        };
        // The standards say which of the two, sites do as they like.
        for name in [attribute(tag, b"property"), attribute(tag, b"name")].into_iter().flatten() {
            let name = name.trim().to_ascii_lowercase();
            if let Some(known) = NAMES.iter().find(|known| **known == name) {
                self.metas.entry(known).or_insert_with(|| content.clone());
            }
        }
    }

    fn link(&mut self, tag: &StartTag<()>, url: &Url) {
        let (Some(rel), Some(href)) = (attribute(tag, b"rel"), attribute(tag, b"href")) else { return };
        let rel = rel.to_ascii_lowercase();
        let is = |word: &str| rel.split_ascii_whitespace().any(|rel| rel == word);
        let kind = attribute(tag, b"type").unwrap_or_default();
        let place = if is("icon") {
            &mut self.icon
        } else if is("apple-touch-icon") || is("apple-touch-icon-precomposed") {
            &mut self.touch_icon
        } else if is("image_src") {
            &mut self.image_src
        } else if is("alternate") && kind.trim().eq_ignore_ascii_case("application/json+oembed") {
            &mut self.oembed
        } else {
            return;
        };
        if place.is_none() {
            *place = link::absolute(self.base.as_ref().unwrap_or(url), &href);
        }
    }

    /// Whether the page leaves something to say.
    pub fn lacks_words_or_picture(&self, url: &Url) -> bool {
        self.first(&["og:title", "twitter:title"]).is_none() || self.image(url).is_none()
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.metas.get(*name)).map(String::as_str)
    }

    fn image(&self, url: &Url) -> Option<Url> {
        let base = self.base.as_ref().unwrap_or(url);
        let names = ["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"];
        let mut written = names.iter().filter_map(|name| self.metas.get(*name));
        written.find_map(|text| link::absolute(base, text))
    }

    /// What is shown of the page at `url`; `None` if it has no title. What the page says counts before
    /// `said`, its oEmbed, and that before plain HTML.
    pub fn preview(self, url: &Url, said: Option<Oembed>) -> Option<Preview> {
        let has_said = said.is_some();
        let said = said.unwrap_or_default();
        let written =
            |text: Option<&str>, max| text.map(|text| clean(text, max)).filter(|text| !text.is_empty());
        let choose = |own: &[&str], oembed: &str, plain: Option<&str>, max| {
            written(self.first(own), max)
                .or_else(|| written(Some(oembed), max))
                .or_else(|| written(plain, max))
        };
        let title = choose(&["og:title", "twitter:title"], &said.title, self.title.as_deref(), MAX_TITLE)?;
        let plain = self.first(&["description"]);
        let description =
            choose(&["og:description", "twitter:description"], &said.description, plain, MAX_DESCRIPTION);
        let plain = self.first(&["application-name"]);
        let site_name = choose(&["og:site_name"], &said.site_name, plain, MAX_SITE_NAME);
        let kind = match self.first(&["og:type"]) {
            Some(kind) => kind_of(kind),
            None if has_said && said.is_video => Kind::Video,
            None => Kind::Website,
        };
        let image = self.image(url).or(said.picture).or(self.image_src);
        Some(Preview {
            title,
            description: description.unwrap_or_default(),
            image: image.map(String::from).unwrap_or_default(),
            site_name: site_name.unwrap_or_default(),
            kind,
            video_id: String::new(),
            embed_url: String::new(),
            icon: self.icon.or(self.touch_icon).map(String::from).unwrap_or_default(),
        })
    }
}

fn kind_of(og_type: &str) -> Kind {
    let main = og_type.trim().to_ascii_lowercase();
    match main.split(['.', ':']).next() {
        Some("video") => Kind::Video,
        Some("article") => Kind::Article,
        _ => Kind::Website,
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    let value: &HtmlString = &tag.attributes.get(name)?.value;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::charset;
    use super::*;

    fn url() -> Url {
        Url::parse("https://a.example/dir/page").unwrap()
    }

    /// All that happens to what a site sends.
    fn extract(page: &[u8], header: Option<&str>, oembed: &[u8]) -> Option<Preview> {
        let page = Page::read(&charset::decode(page, header), &url());
        let said = Oembed::parse(&url(), oembed);
        page.lacks_words_or_picture(&url());
        page.preview(&url(), said)
    }

    fn check(preview: &Preview) {
        let count = |text: &str| text.chars().count();
        assert!((1..=MAX_TITLE).contains(&count(&preview.title)), "{preview:?}");
        assert!(count(&preview.description) <= MAX_DESCRIPTION && count(&preview.site_name) <= MAX_SITE_NAME);
        for address in [&preview.image, &preview.icon] {
            assert!(address.is_empty() || address.starts_with("http://") || address.starts_with("https://"));
            assert!(address.len() <= link::MAX_URL_BYTES);
        }
        let shown = [&preview.title, &preview.description, &preview.site_name];
        assert!(!shown.iter().any(|text| text.contains(char::is_control)), "{preview:?}");
    }

    /// Pieces of pages: random bytes alone seldom get past the first tag.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known = [
            "<title>",
            "</title",
            "</title>",
            "<meta property=og:title content=",
            "<meta name='description' content=\"",
            "<meta charset=",
            "shift_jis>",
            "utf-16le>",
            "<meta http-equiv=content-type content='text/html; charset=",
            "<link rel=icon href=",
            "<link rel='alternate' type='application/json+oembed' href='",
            "<base href=",
            "http://",
            "//[",
            "\"",
            "'",
            ">",
            "/>",
            "<",
            "&",
            "&amp;",
            "&#x",
            "&#0;",
            "&#xD800;",
            "&notit;",
            "<!--",
            "-->",
            "<!DOCTYPE",
            "<![CDATA[",
            "<script>",
            "</script>",
            "<svg>",
            "</svg>",
            "<body>",
            "\u{202e}",
            "é",
            " ",
            "=",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn nothing_that_a_site_sends_breaks_the_reading(
            pieces in proptest::collection::vec(piece(), 0..40),
            header in proptest::option::of("[a-z0-9-]{0,12}|utf-16|iso-2022-jp|replacement"),
            oembed in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Some(preview) = extract(&pieces.concat(), header.as_deref(), &oembed) {
                check(&preview);
            }
        }

        #[test]
        fn random_bytes_do_not_break_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            if let Some(preview) = extract(&bytes, None, &bytes) {
                check(&preview);
            }
        }
    }

    #[test]
    fn kinds_are_read_from_their_first_word() {
        for (text, kind) in [
            ("video", Kind::Video),
            ("video.movie", Kind::Video),
            (" Video.Other ", Kind::Video),
            ("article", Kind::Article),
            ("article:section", Kind::Article),
            ("website", Kind::Website),
            ("videos", Kind::Website),
            ("", Kind::Website),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_page_that_is_cut_off_keeps_what_was_read() {
        let preview = |html: &str| extract(html.as_bytes(), None, b"").map(|preview| preview.title);
        assert_eq!(preview("<title>Half a ti").as_deref(), Some("Half a ti"));
        assert_eq!(preview("<meta property=og:title content=Whole><title>Ha").as_deref(), Some("Whole"));
        assert_eq!(preview("<title>A</title><title>B</title>").as_deref(), Some("A"));
        assert_eq!(preview("<meta property=og:title content='  '><title>A</title>").as_deref(), Some("A"));
        assert_eq!(preview("<meta property=og:title content=cut"), None);
    }
}
