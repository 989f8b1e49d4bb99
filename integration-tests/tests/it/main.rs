//! Scenarios against a running binary.
