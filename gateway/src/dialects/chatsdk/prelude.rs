//! What nearly every handler needs.

pub(super) use axum::Json;
pub(super) use axum::extract::State;
pub(super) use serde::{Deserialize, Serialize};
pub(super) use utoipa::ToSchema;

pub(super) use super::auth::User;
pub(super) use super::error::{Answer, Failure};
pub(super) use super::request::{ChannelPath, Input, MessagePath, Query};
pub(super) use super::{compose, convert};
pub(super) use crate::state::Edge;

/// `{"success": true}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    pub success: bool,
}

/// The answer of calls that have nothing else to say.
pub fn success() -> Answer<Success> {
    Ok(Json(Success { success: true }))
}
