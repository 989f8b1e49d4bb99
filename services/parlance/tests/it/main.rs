//! The binary, from outside.

mod apps;
mod config_print;
mod data_dir;
mod grpc;
mod operations;
mod server;
mod stop;
