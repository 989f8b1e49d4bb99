//! The files of the page, packed into the program.

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where `index.html` names the API key.
const KEY: &str = "{{api_key}}";
const INDEX: &str = "index.html";

macro_rules! files {
    ($($path:literal $kind:ident,)*) => {
        /// Path below `assets/`, content type, content.
        const FILES: &[(&str, &str, &str)] = &[$(($path, $kind, include_str!(concat!("assets/", $path))),)*];
    };
}

files! {
    "index.html" HTML,
    "style.css" CSS,
    "icon.svg" SVG,
    "main.mjs" SCRIPT,
    "api.mjs" SCRIPT,
    "live.mjs" SCRIPT,
    "chat.mjs" SCRIPT,
    "model/channels.mjs" SCRIPT,
    "model/timeline.mjs" SCRIPT,
    "model/people.mjs" SCRIPT,
    "model/typing.mjs" SCRIPT,
    "model/text.mjs" SCRIPT,
    "view/dom.mjs" SCRIPT,
    "view/avatar.mjs" SCRIPT,
    "view/sign_in.mjs" SCRIPT,
    "view/sidebar.mjs" SCRIPT,
    "view/conversation.mjs" SCRIPT,
    "view/log.mjs" SCRIPT,
    "view/message.mjs" SCRIPT,
    "view/composer.mjs" SCRIPT,
    "view/thread.mjs" SCRIPT,
    "view/new_channel.mjs" SCRIPT,
    "vendor/centrifuge.js" SCRIPT,
    "vendor/centrifuge.LICENSE" TEXT,
}

/// One file as it is served.
#[derive(Debug)]
pub(super) struct Asset {
    path: &'static str,
    kind: &'static str,
    body: Bytes,
    tag: HeaderValue,
}

impl Asset {
    fn new(path: &'static str, kind: &'static str, body: Bytes) -> Self {
        let mut tag = "W/\"".to_owned();
        for byte in &Sha256::digest(&body)[..12] {
            _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\""));
        Self { path, kind, body, tag }
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The entity tag; a weak one, since the same file may go out compressed or not.
    pub(super) fn tag(&self) -> HeaderValue {
        self.tag.clone()
    }

    /// Whether `tag`, out of `If-None-Match`, is this file's.
    pub(super) fn is_tagged(&self, tag: &str) -> bool {
        tag == "*" || tag.as_bytes() == self.tag.as_bytes()
    }
}

/// All files; the first page knows its API key.
#[derive(Debug)]
pub(super) struct Assets {
    index: Asset,
    others: Vec<Asset>,
}

impl Assets {
    pub(super) fn with_key(key: &str) -> Self {
        let all = FILES.iter().filter(|(path, _, _)| *path != INDEX);
        let others =
            all.map(|&(path, kind, text)| Asset::new(path, kind, Bytes::from_static(text.as_bytes())));
        let index = include_str!("assets/index.html").replace(KEY, key);
        Self { index: Asset::new(INDEX, HTML, index.into()), others: others.collect() }
    }

    pub(super) fn index(&self) -> &Asset {
        &self.index
    }

    /// A file beside the first page, by its path below `assets/`.
    pub(super) fn get(&self, path: &str) -> Option<&Asset> {
        self.others.iter().find(|asset| asset.path == path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/assets")
    }

    fn under(folder: &Path) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { under(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_packed() {
        let root = folder();
        let there: BTreeSet<String> = under(&root)
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
            .collect();
        let packed: BTreeSet<String> = FILES.iter().map(|(path, _, _)| (*path).to_owned()).collect();
        assert_eq!(packed, there);
    }

    #[test]
    fn the_first_page_knows_its_key_and_has_no_script_or_style_in_it() {
        let index = String::from_utf8(Assets::with_key("some-key").index().body().to_vec()).unwrap();
        assert!(index.contains("content=\"some-key\"") && !index.contains("{{"));
        for script in index.split("<script").skip(1) {
            assert!(script.contains("src=\"/page/") && script.contains("></script>"), "{script}");
        }
        assert!(!index.contains("<style") && !index.contains(" style=") && !index.contains(" on"));
    }

    #[test]
    fn another_key_is_another_tag() {
        let [one, other] = ["one", "other"].map(|key| Assets::with_key(key).index().tag());
        assert_ne!(one, other);
        let assets = Assets::with_key("one");
        assert!(assets.index().is_tagged(one.to_str().unwrap()) && assets.index().is_tagged("*"));
        assert!(!assets.index().is_tagged(other.to_str().unwrap()));
    }
}
