//! One call a file.

pub(crate) mod get_presence;
pub(crate) mod renew_gateway;
pub(crate) mod report_activity;
pub(crate) mod report_connections;
pub(crate) mod set_status;
pub(crate) mod set_typing;
