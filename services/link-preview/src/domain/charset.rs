//! Bytes of a page to text, as the HTML standard determines the encoding.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use html5gum::{StartTag, Token, Tokenizer};

/// Where a page must name its encoding; the standard says 1024.
const PRESCAN: usize = 4096;

/// Decodes a page: a byte order mark decides, then `header` (the `charset` of its media type), then what
/// the page says itself, then whether it reads as UTF-8; failing all, it is windows-1252. What is
/// malformed becomes U+FFFD.
pub fn decode(bytes: &[u8], header: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return with(encoding, &bytes[mark..]);
    }
    let named = header.and_then(|label| Encoding::for_label(label.as_bytes()));
    with(named.or_else(|| prescan(bytes)).unwrap_or_else(|| guess(bytes)), bytes)
}

fn with(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// What the page's own `<meta>` says.
fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(PRESCAN)];
    for Ok(token) in Tokenizer::new(start) {
        let Token::StartTag(tag) = token else { continue };
        if tag.name.as_slice() != b"meta" {
            continue;
        }
        if let Some(found) = label(&tag).and_then(|label| Encoding::for_label(&label)) {
            // Read as ASCII so far, it can be none of these.
            return Some(match found {
                _ if found == UTF_16LE || found == UTF_16BE => UTF_8,
                _ if found == X_USER_DEFINED => WINDOWS_1252,
                _ => found,
            });
        }
    }
    None
}

fn label(meta: &StartTag<()>) -> Option<Vec<u8>> {
    let attribute = |name: &[u8]| meta.attributes.get(name).map(|value| value.value.as_slice());
    if let Some(charset) = attribute(b"charset") {
        return Some(charset.to_vec());
    }
    if !attribute(b"http-equiv")?.eq_ignore_ascii_case(b"content-type") {
        return None;
    }
    let content = String::from_utf8_lossy(attribute(b"content")?).to_ascii_lowercase();
    let value = content.split_once("charset")?.1.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(['"', '\'', ';', ' ', '\t', '\n']).unwrap_or(value.len());
    Some(value.as_bytes()[..end].to_vec())
}

/// UTF-8 if it reads so; a character that the end cuts off is no fault.
fn guess(bytes: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Ok(_) => UTF_8,
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_beats_the_header_and_the_header_beats_the_page() {
        let page = b"<meta charset=windows-1251>\xcf\xf0\xe8\xe2\xe5\xf2";
        assert!(decode(page, None).ends_with("Привет"));
        assert!(decode(page, Some("koi8-r")).ends_with("оПХБЕР"));
        assert!(decode(page, Some("no-such-charset")).ends_with("Привет"));
        let marked = [b"\xef\xbb\xbf".as_slice(), "<meta charset=latin1>é".as_bytes()].concat();
        assert_eq!(decode(&marked, Some("koi8-r")), "<meta charset=latin1>é");
        assert_eq!(decode(b"\xff\xfeh\0i\0", Some("utf-8")), "hi");
        assert_eq!(decode(b"\xfe\xff\0h\0i", None), "hi");
    }

    #[test]
    fn a_page_names_its_encoding_in_two_ways() {
        for meta in [
            "<META CHARSET=\"Shift_JIS\">",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=shift_jis\">",
            "<meta content='text/html;charset = \"sjis\"' http-equiv=content-type />",
            "<!-- <meta charset=utf-8> --><meta charset=shift-jis>",
            "<meta charset=nonsense><meta charset=shift-jis>",
        ] {
            let page = [meta.as_bytes(), b"\x93\xfa\x96\x7b"].concat();
            assert!(decode(&page, None).ends_with("日本"), "{meta}");
        }
        // It would not be readable if it were true.
        assert!(decode("<meta charset=utf-16>é".as_bytes(), None).ends_with('é'));
    }

    #[test]
    fn without_a_word_it_is_utf8_if_it_reads_so_and_else_windows_1252() {
        assert_eq!(decode("naïve".as_bytes(), None), "naïve");
        assert_eq!(decode(b"na\xefve \x80", None), "naïve €");
        // Cut within a character.
        assert_eq!(decode(&"aé".as_bytes()[..2], None), "a\u{fffd}");
        assert_eq!(decode(b"", None), "");
    }
}
