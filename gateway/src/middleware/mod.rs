//! What every REST request passes, whatever its dialect: id, span, metrics, origin, size, rate.

pub(crate) mod body_limit;
pub(crate) mod client_ip;
pub(crate) mod cors;
pub(crate) mod limits;
pub(crate) mod observe;
pub(crate) mod request_id;
pub(crate) mod shed;
