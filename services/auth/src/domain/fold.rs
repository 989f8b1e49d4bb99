//! Text as it is compared: without regard to case, and for handles without spaces.

/// Folds case letter by letter, so that a part of a text folds to a part of the folded text.
pub fn fold(text: &str) -> String {
    // The final sigma is the one letter whose lower case depends on its neighbours.
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// Folds case and leaves white space out.
pub fn compact(text: &str) -> String {
    fold(text).chars().filter(|c| !c.is_whitespace()).collect()
}

/// A pattern for `LIKE … ESCAPE '\'` that finds texts with `part` in them.
pub fn contains_pattern(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_in_every_script() {
        assert_eq!(fold("ÄPFEL"), "äpfel");
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
        assert_eq!(compact("Anna  Lena\tK"), "annalenak");
    }

    #[test]
    fn wildcards_of_the_search_text_are_text() {
        assert_eq!(contains_pattern(r"50%_\"), r"%50\%\_\\%");
    }
}
