#![doc = include_str!("README.md")]

mod cli;
mod http;
mod latencies;
mod process;
mod raw;
mod report;
mod scenarios;
mod senders;
mod server;
mod socket;

pub use cli::main;
