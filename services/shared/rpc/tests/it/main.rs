//! Calls over real sockets: balancing, repeats where they are safe, secrets, limits, deadlines.

mod network;
mod replica;
