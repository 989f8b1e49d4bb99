//! Every operation through the generated client, with the real services below, on stores of its own.

mod access;
mod broken;
mod changes;
mod cost;
mod faults;
mod following;
mod log;
mod postgres;
mod previews;
mod reading;
mod replicas;
mod sending;
mod streams;
mod sweep;
mod unread;
mod world;
