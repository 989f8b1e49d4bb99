//! Limits and defaults of protobuf fields.

use parlance_core::{Error, Result};

/// A page size: 0 means `usual`, more than `most` is cut.
pub fn limit(given: u32, usual: u32, most: u32) -> u32 {
    match given {
        0 => usual,
        n => n.min(most),
    }
}

/// Refuses lists that are longer than `most`.
pub fn at_most<T>(field: &str, items: &[T], most: usize) -> Result<()> {
    if items.len() > most {
        return Err(Error::invalid(field, format!("holds more than {most}")));
    }
    Ok(())
}

/// A seq or offset as the database keeps it.
pub fn stored(field: &str, value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::invalid(field, "is too large"))
}
