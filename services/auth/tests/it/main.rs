//! Every call through the generated client, on a store per test.

mod activity;
mod apps;
mod deletion;
mod fixture;
mod handles;
mod isolation;
mod postgres;
mod refresh;
mod replicas;
mod tokens;
mod users;
