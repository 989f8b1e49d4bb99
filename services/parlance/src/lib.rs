#![doc = include_str!("../README.md")]

pub mod apps;
mod authenticate;
pub mod config;
mod data_dir;
mod grpc;
mod http;
pub mod limits;
mod master_key;
mod ops;
mod role;
mod start;
mod stores;
mod welcome;

pub use config::Config;
pub use data_dir::Addresses;
pub use role::Role;
pub use start::{Running, migrate, start};
