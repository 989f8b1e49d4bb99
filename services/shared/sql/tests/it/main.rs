//! What services build on, on SQLite and, where PARLANCE_TEST_POSTGRES_URL names a server, on PostgreSQL.

mod durability;
mod leases;
mod outbox;
mod plans;
mod retry;
mod starters;
mod tables;
