//! Words of strangers, made fit to show.

/// Folds white space, drops what cannot be seen (controls, marks that turn the direction of text), and
/// cuts to `max` characters, the last of which says that something was cut.
pub fn clean(text: &str, max: usize) -> String {
    let mut clean = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
            continue;
        }
        if is_unseen(c) {
            continue;
        }
        let space = gap && count > 0;
        if count + usize::from(space) + 1 > max {
            // There is room for it: one character goes.
            if count == max {
                clean.pop();
            }
            clean.push('…');
            return clean;
        }
        if space {
            clean.push(' ');
            count += 1;
        }
        gap = false;
        clean.push(c);
        count += 1;
    }
    clean
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_folded_and_what_is_unseen_dropped() {
        assert_eq!(clean("  a \n\t b\u{a0}c  ", 10), "a b c");
        assert_eq!(clean("a\0b\u{7}c\u{202e}d\u{feff}", 10), "abcd");
        assert_eq!(clean(" \n ", 10), "");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(clean("abcde", 5), "abcde");
        assert_eq!(clean("abcde  ", 5), "abcde");
        assert_eq!(clean("abcdef", 5), "abcd…");
        assert_eq!(clean("abcd ef", 5), "abcd…");
        assert_eq!(clean("äöüßé!", 5), "äöüß…");
    }
}
