//! The gateway's HTTP side in front of made-up services: what needs no real ones to be shown. The
//! contract scenarios over real services are in `integration-tests`.

mod activity;
mod credentials;
mod docs;
mod envelope;
mod fake;
mod limits;
mod messages;
mod page;
mod presence;
mod tracing;
mod users;
