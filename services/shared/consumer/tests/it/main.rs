//! A service that follows a log, on SQLite and, where PARLANCE_TEST_POSTGRES_URL names a server, on PostgreSQL.

mod following;
mod service;
