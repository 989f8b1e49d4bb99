#![doc = include_str!("../README.md")]

pub mod bench;
pub mod checker;
pub mod collector;
pub mod harness;
pub mod loopback;
pub mod push;
pub mod realtime;
pub mod rest;
pub mod traffic;
pub mod wait;

pub use harness::{Harness, Options};
pub use realtime::{Encoding, Realtime};
pub use rest::{Answer, Rest, User};
pub use wait::{PATIENCE, eventually};
