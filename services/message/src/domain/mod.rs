//! Pure rules: no I/O, no async.

pub mod draft;
pub mod mentions;
