//! The tables of this service. The only place that names the ORM.
//!
//! Every finder of users and sessions takes the app; only keys, apps and session ids, which are
//! unique in the world, are looked up without it.

pub mod api_keys;
pub mod apps;
pub mod migrations;
pub mod sessions;
pub mod users;
