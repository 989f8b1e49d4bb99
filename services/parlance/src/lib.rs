#![doc = include_str!("../README.md")]

pub mod apps;
mod authenticate;
pub mod backup;
pub mod config;
pub mod config_check;
pub mod config_schema;
mod data_dir;
mod grpc;
mod http;
pub mod limits;
mod master_key;
mod ops;
pub mod push;
mod role;
pub mod rotate;
mod start;
mod stores;
mod welcome;

pub use config::Config;
pub use data_dir::Addresses;
pub use role::Role;
pub use start::{Running, migrate, start};
