//! The service through its generated client, with a stand-in for channel and auth.

mod connections;
mod fake;
mod presence;
mod rights;
mod typing;
mod world;
