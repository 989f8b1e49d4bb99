//! What a channel's fields may hold.

use std::collections::BTreeSet;

use parlance_core::{Error, Num, Reason, Result, json};

/// Members that a channel can be created with, the creator aside; also the most that one call adds.
pub const MAX_MEMBERS_PER_CALL: usize = 100;
/// Questions, nums or handles in one call.
pub const MAX_BATCH: usize = 1000;

const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 1000;
const MAX_IMAGE: usize = 2048;
const MAX_KEY: usize = 255;

/// At most 255 characters, no control characters.
pub fn name(text: &str) -> Result<()> {
    at_most("name", text, MAX_NAME)?;
    no_control("name", text)
}

/// A name that must be there: not blank, at most 255 characters, no control characters.
pub fn required_name(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid("name", "must not be empty"));
    }
    name(text)
}

/// At most 1000 characters; line breaks and tabs are the only control characters.
pub fn description(text: &str) -> Result<()> {
    at_most("description", text, MAX_DESCRIPTION)?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::invalid("description", "must not hold control characters"));
    }
    Ok(())
}

/// An absolute http(s) URL of at most 2048 characters, or nothing.
pub fn image(text: &str) -> Result<()> {
    at_most("image", text, MAX_IMAGE)?;
    if text.is_empty() || is_absolute_url(text) {
        Ok(())
    } else {
        Err(Error::invalid("image", "must be an absolute http or https URL"))
    }
}

/// A client's own id or key: at most 255 characters, no control characters.
pub fn key(field: &str, text: &str) -> Result<()> {
    at_most(field, text, MAX_KEY)?;
    no_control(field, text)
}

/// The canonical text of custom data.
pub fn custom(text: &str) -> Result<String> {
    json::custom_text(&json::parse_custom(text)?)
}

/// Nums with repeats folded, in rising order. More than 100 are TOO_MANY_MEMBERS, a num that no user
/// can have is USER_NOT_FOUND.
pub fn users(nums: Vec<Num>) -> Result<BTreeSet<Num>> {
    let nums: BTreeSet<Num> = nums.into_iter().collect();
    if nums.len() > MAX_MEMBERS_PER_CALL {
        return Err(Error::new(
            Reason::TooManyMembers,
            format!("at most {MAX_MEMBERS_PER_CALL} members in one call"),
        ));
    }
    if nums.iter().any(|num| *num <= 0) {
        return Err(Error::new(Reason::UserNotFound, "no such user"));
    }
    Ok(nums)
}

/// Refuses a list of more than `most` items.
pub fn batch(field: &str, length: usize, most: usize) -> Result<()> {
    if length > most {
        return Err(Error::invalid(field, format!("must hold at most {most} items")));
    }
    Ok(())
}

/// A page size: `usual` for 0, never above `most`.
pub fn page(limit: u32, usual: u32, most: u32) -> u64 {
    u64::from(if limit == 0 { usual } else { limit.min(most) })
}

fn at_most(field: &str, text: &str, most: usize) -> Result<()> {
    if text.chars().nth(most).is_some() {
        return Err(Error::invalid(field, format!("must have at most {most} characters")));
    }
    Ok(())
}

fn no_control(field: &str, text: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

fn is_absolute_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
        && !host.is_empty()
        && !host.starts_with(':')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(name(&"ü".repeat(255)).is_ok());
        assert!(name(&"ü".repeat(256)).is_err());
        assert!(name("a\nb").is_err());
        assert!(description("a\nb").is_ok());
        assert!(description("a\0b").is_err());
        assert!(description(&"x".repeat(1001)).is_err());
    }

    #[test]
    fn images_are_absolute_urls_or_absent() {
        for right in ["", "http://a", "HTTPS://example.org/x?y#z", "https://[::1]:8080/ä.png"] {
            assert!(image(right).is_ok(), "{right}");
        }
        let long = format!("https://a/{}", "x".repeat(2048));
        for wrong in ["x", "/x", "ftp://a/b", "https://", "https:///x", "https://:80", "https://a b", &long] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn repeats_are_folded_before_members_are_counted() {
        assert_eq!(users(vec![3, 1, 3]).unwrap().len(), 2);
        assert_eq!(users((1..=101).collect()).unwrap_err().reason, Reason::TooManyMembers);
        assert_eq!(users(vec![0]).unwrap_err().reason, Reason::UserNotFound);
    }
}
