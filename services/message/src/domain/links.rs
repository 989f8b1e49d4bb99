//! Finding the links of a text: http(s) URLs outside code.

use url::Url;

use super::code_spans::code_spans;

/// Links of one message that are looked up.
pub const MOST: usize = 3;
/// Longest one, in bytes.
const MAX_BYTES: usize = 2048;
/// Starts of URLs looked at in one text.
const MAX_STARTS: usize = 50;

/// The first links, as they are written, in order of appearance, each once.
pub fn links(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let code = code_spans(text);
    let mut end = 0;
    for (at, _) in starts(text).take(MAX_STARTS) {
        if at < end || code.iter().any(|(from, to)| (*from..*to).contains(&at)) || in_a_word(&text[..at]) {
            continue;
        }
        let link = trimmed(&text[at..]);
        end = at + link.len();
        if is_link(link) && !found.iter().any(|known| known == link) {
            found.push(link.to_owned());
            if found.len() == MOST {
                break;
            }
        }
    }
    found
}

/// Where a scheme stands, whatever its case.
fn starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("://").filter_map(|(at, _)| {
        ["https", "http"].into_iter().find_map(|scheme| {
            let from = at.checked_sub(scheme.len())?;
            let written = text.get(from..at)?;
            written.eq_ignore_ascii_case(scheme).then_some((from, written))
        })
    })
}

/// A scheme right after a letter or digit belongs to something else.
fn in_a_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(char::is_alphanumeric)
}

/// The link without what ends the sentence around it. A closing bracket stays if it was opened within.
fn trimmed(rest: &str) -> &str {
    let end = rest.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`|\\^{}".contains(c));
    let mut link = &rest[..end.unwrap_or(rest.len())];
    while let Some(last) = link.chars().next_back() {
        let unopened = |open: char| link.matches(last).count() > link.matches(open).count();
        let ends = match last {
            ')' => unopened('('),
            ']' => unopened('['),
            c => ".,;:!?'*_~…".contains(c),
        };
        if !ends {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

/// Something with a host, and without a name and password in it.
fn is_link(text: &str) -> bool {
    text.len() <= MAX_BYTES
        && Url::parse(text)
            .is_ok_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_are_found_as_people_write_them() {
        for (text, expected) in [
            ("see https://example.com/a?b=c#d.", vec!["https://example.com/a?b=c#d"]),
            (
                "(https://example.com/a_(b)) and <http://b.example>",
                vec!["https://example.com/a_(b)", "http://b.example"],
            ),
            ("HTTPS://EXAMPLE.COM", vec!["HTTPS://EXAMPLE.COM"]),
            ("https://a.example, https://a.example!", vec!["https://a.example"]),
            ("`https://in.code` https://outside.example", vec!["https://outside.example"]),
            ("xhttps://a.example ftp://b.example //c.example", vec![]),
            ("https:// http://", vec![]),
            ("https://user:pass@example.com", vec![]),
            ("[text](https://example.com/x)", vec!["https://example.com/x"]),
            ("https://ünï.example/ß", vec!["https://ünï.example/ß"]),
            ("https://a.example?u=https://b.example", vec!["https://a.example?u=https://b.example"]),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_three_count() {
        let text: String = (0..10).map(|n| format!("https://{n}.example ")).collect();
        assert_eq!(links(&text), ["https://0.example", "https://1.example", "https://2.example"]);
        assert!(links(&format!("https://a.example/{}", "x".repeat(MAX_BYTES))).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(https?://|[a-z(`\\[ .)ß…])*") {
            for link in links(&text) {
                prop_assert!(text.contains(&link));
            }
        }
    }
}
