//! The rules: pure, without I/O, asked by every store alike.

pub mod online;
pub mod typing;
