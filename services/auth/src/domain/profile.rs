//! What a user is made of, and how an update changes it.

use parlance_core::json::{custom_text, merge_custom, parse_custom};
use parlance_core::{Error, Result};
use parlance_proto::auth::UserInput;

use super::input;

/// The fields of a user that an update may set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub email: String,
    pub image: String,
    /// JSON object as text; empty = {}.
    pub custom: String,
}

/// The profile after the update: given fields win, `custom` is merged key by key.
pub fn updated(base: &Profile, change: &UserInput) -> Result<Profile> {
    let mut profile = base.clone();
    if let Some(name) = &change.name {
        input::name(name)?;
        profile.name = name.clone();
    }
    if let Some(email) = &change.email {
        input::email(email)?;
        profile.email = email.clone();
    }
    if let Some(image) = &change.image {
        input::image(image)?;
        profile.image = image.clone();
    }
    if let Some(custom) = &change.custom {
        let mut merged = parse_custom(&base.custom)?;
        merge_custom(&mut merged, parse_custom(custom)?);
        profile.custom = custom_text(&merged)?;
    }
    Ok(profile)
}

/// What became of one item of a batch.
#[derive(Debug, Clone)]
pub enum Outcome {
    Created,
    /// The user was there before; the profile may or may not differ now.
    Updated,
    Failed(Error),
}

/// Applies the items that name one user, in order; `base` is `None` if there is no such user yet.
/// An item that fails leaves no trace. The profile is `None` if no item succeeded on nothing.
pub fn apply(base: Option<&Profile>, items: &[&UserInput]) -> (Option<Profile>, Vec<Outcome>) {
    let mut profile = base.cloned();
    let outcomes = items
        .iter()
        .map(|item| match updated(profile.as_ref().unwrap_or(&Profile::default()), item) {
            Ok(next) => match profile.replace(next) {
                Some(_) => Outcome::Updated,
                None => Outcome::Created,
            },
            Err(error) => Outcome::Failed(error),
        })
        .collect();
    (profile, outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: Option<&str>, custom: Option<&str>) -> UserInput {
        UserInput {
            id: "u".into(),
            name: name.map(Into::into),
            custom: custom.map(Into::into),
            ..Default::default()
        }
    }

    #[test]
    fn absent_fields_stay_and_custom_is_merged() {
        let base = Profile { name: "Anna".into(), custom: r#"{"a":1,"b":2}"#.into(), ..Default::default() };
        let next = updated(&base, &item(None, Some(r#"{"b":null,"c":3}"#))).unwrap();
        assert_eq!(next, Profile { name: "Anna".into(), custom: r#"{"a":1,"c":3}"#.into(), ..base.clone() });
        assert_eq!(updated(&base, &item(Some(""), None)).unwrap().name, "");
    }

    #[test]
    fn a_failing_item_leaves_no_trace() {
        let big = format!(r#"{{"a":"{}"}}"#, "x".repeat(6000));
        let items = [item(Some("A"), Some(&big)), item(Some("B"), None), item(None, Some("[]"))];
        let (profile, outcomes) = apply(None, &items.iter().collect::<Vec<_>>());
        assert_eq!(profile.unwrap().name, "B");
        assert!(matches!(outcomes[..], [Outcome::Failed(_), Outcome::Created, Outcome::Failed(_)]));
        let (none, _) = apply(None, &[&items[0]]);
        assert_eq!(none, None);
    }
}
