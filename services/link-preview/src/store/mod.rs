//! The tables of this service. The only place that names the ORM. Every finder takes the app.

pub mod migrations;
pub mod settings;
