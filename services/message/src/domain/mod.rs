//! Pure rules: no I/O, no async.

mod code_spans;
pub mod draft;
pub mod links;
pub mod mentions;
