//! Scenarios against the built binary, by the sections of the contract.

mod prelude;

mod authorization;
mod channels;
mod clients;
mod cluster;
mod contract_table;
mod cursors;
mod errors;
mod events;
mod faults;
mod house;
mod http;
mod idempotency;
mod limits;
mod malformed;
mod members;
mod mentions;
mod messages;
mod observability;
mod operations;
mod own_writes;
mod permissions;
mod pins;
mod presence;
mod reactions;
mod read_state;
mod realtime;
mod receipts;
mod session;
mod threads;
mod tokens;
mod typing;
mod unread_recount;
mod users;
