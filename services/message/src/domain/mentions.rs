//! Finding the names that a text mentions: `@name` or `@[Full Name]`, outside code and e-mail addresses.

use super::code_spans::code_spans;

/// Most names looked at in one text.
const MAX_HANDLES: usize = 50;

/// Lower-cased handles in order of appearance, each once.
pub fn handles(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let code = code_spans(text);
    for (at, _) in text.match_indices('@') {
        if found.len() >= MAX_HANDLES {
            break;
        }
        if code.iter().any(|(from, to)| (*from..*to).contains(&at)) || !starts_a_word(&text[..at]) {
            continue;
        }
        let rest = &text[at + 1..];
        let handle = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').map(|(name, _)| name.trim()),
            None => Some(plain(rest)),
        };
        let Some(handle) = handle.filter(|h| !h.is_empty() && h.len() <= 255 && !h.contains('\n')) else {
            continue;
        };
        let handle = handle.to_lowercase();
        if !found.contains(&handle) {
            found.push(handle);
        }
    }
    found
}

/// The longest run of name characters, without the dots and hyphens that end a sentence.
fn plain(rest: &str) -> &str {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', '-'])
}

/// An `@` right after a name character belongs to an e-mail address.
fn starts_a_word(before: &str) -> bool {
    !before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_found_as_people_write_them() {
        for (text, expected) in [
            ("Hello @user-2! Check", vec!["user-2"]),
            ("@alice, @Bob. and @carol-", vec!["alice", "bob", "carol"]),
            ("@a.b_c-d...", vec!["a.b_c-d"]),
            ("ask @[Alice Johnson] or @[bob]", vec!["alice johnson", "bob"]),
            ("@alice @ALICE", vec!["alice"]),
            ("mail me@example.com or a.b@c.d", vec![]),
            ("`@alice` and ```@bob``` but @carol", vec!["carol"]),
            ("an open ` tick @dave", vec!["dave"]),
            ("(@eve)", vec!["eve"]),
            ("@", vec![]),
            ("@@frank", vec![]),
            ("@[never closed", vec![]),
            ("ünï@x", vec![]),
        ] {
            assert_eq!(handles(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_few_clean_handles(text in ".{0,400}") {
            let found = handles(&text);
            prop_assert!(found.len() <= MAX_HANDLES);
            for handle in found {
                prop_assert!(!handle.is_empty());
                prop_assert_eq!(handle.to_lowercase(), handle);
            }
        }

        #[test]
        fn a_plain_name_between_blanks_is_found(name in "[a-z0-9_][a-z0-9_.-]{0,20}[a-z0-9_]") {
            prop_assert_eq!(handles(&format!("x @{name} y")), vec![name]);
        }
    }
}
