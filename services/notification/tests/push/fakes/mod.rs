//! Local push services: each checks what the real one checks, says what the real one says, and answers from a
//! script when a test wants trouble. Nothing here depends on the tests beside it.

pub mod apns;
pub mod decrypt;
pub mod expo;
pub mod fcm;
pub mod jwt;
pub mod keys;
pub mod novu;
pub mod script;
pub mod server;
pub mod web_push;

pub use script::{Reply, Script};
pub use server::Server;
