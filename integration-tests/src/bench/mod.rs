#![doc = include_str!("README.md")]

mod cli;
mod cluster;
mod http;
mod latencies;
mod process;
mod quota;
mod raw;
mod report;
mod scenarios;
mod senders;
mod server;
mod socket;

pub use cli::main;
