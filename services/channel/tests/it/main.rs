//! Every call through the generated client, on a store of its own.

mod authorize;
mod blocks;
mod companions;
mod create;
mod delete;
mod house;
mod invites;
mod isolation;
mod list;
mod members;
mod mentions;
mod postgres;
mod settings;
mod touch;
mod update;
mod user_deleted;
mod workspaces;
