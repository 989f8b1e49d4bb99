//! The client against servers that listen here. 127.0.0.2 plays a public address, 127.0.0.1 an internal one.

mod addresses;
mod bodies;
mod posts;
mod redirects;
mod site;
mod waits;
