//! The readable key of a channel: `<type>:<slug of name>`, for display only, never parsed.

/// Longest slug in characters.
const MAX_SLUG: usize = 64;
/// Numbered suffixes that are tried before random ones.
const NUMBERED: u32 = 5;

/// Letters and digits in lower case, everything else folded into single hyphens; empty if nothing is left.
pub fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len().min(MAX_SLUG));
    let mut length = 0;
    let mut gap = false;
    for c in name.chars().flat_map(char::to_lowercase) {
        if !c.is_alphanumeric() {
            gap = length > 0;
            continue;
        }
        if length + 1 + usize::from(gap) > MAX_SLUG {
            break;
        }
        if gap {
            slug.push('-');
            length += 1;
            gap = false;
        }
        slug.push(c);
        length += 1;
    }
    slug
}

/// The key to try at the `attempt`-th time (from 0): plain, `-2` … `-5`, then with random hex digits.
pub fn candidate(type_name: &str, name: &str, id: &str, attempt: u32, random: u32) -> String {
    let stem = match slug(name) {
        slug if slug.is_empty() => id.to_owned(),
        slug => slug,
    };
    match attempt {
        0 => format!("{type_name}:{stem}"),
        n if n < NUMBERED => format!("{type_name}:{stem}-{}", n + 1),
        _ => format!("{type_name}:{stem}-{random:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_hold_letters_digits_and_single_hyphens() {
        for (name, expected) in [
            ("General Chat", "general-chat"),
            ("  --Über uns!-- ", "über-uns"),
            ("日本 語", "日本-語"),
            ("!!!", ""),
            ("", ""),
            ("a__b", "a-b"),
        ] {
            assert_eq!(slug(name), expected, "{name:?}");
        }
        assert_eq!(slug(&"x".repeat(300)).chars().count(), MAX_SLUG);
        assert!(!slug(&"ab ".repeat(100)).ends_with('-'));
    }

    #[test]
    fn a_clash_is_answered_by_numbers_and_then_by_chance() {
        assert_eq!(candidate("group", "Team A", "id", 0, 1), "group:team-a");
        assert_eq!(candidate("group", "Team A", "id", 1, 1), "group:team-a-2");
        assert_eq!(candidate("group", "Team A", "id", 4, 1), "group:team-a-5");
        assert_eq!(candidate("group", "Team A", "id", 5, 0xabc), "group:team-a-00000abc");
        assert_eq!(candidate("messaging", "", "id", 0, 1), "messaging:id");
    }
}
