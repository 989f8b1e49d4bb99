//! `/api/workspaces`: circles of users with channels of their own, and how one gets into them.

pub mod accept;
pub mod channels;
pub mod create;
pub mod delete;
pub mod events;
pub mod get;
pub mod invite;
pub mod list;
pub mod members;
pub mod open_invite;
pub mod shape;
pub mod update;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use parlance_core::{Error, Num, id};
use parlance_proto::channel::{self, GetWorkspacesRequest};
use serde_json::{Map, Value};

use super::auth::User;
use super::error::Failure;
use super::{compose, request};
use crate::state::Edge;
use shape::Workspace;

/// The workspace of `{wid}`; whatever is not an id of ours is not found.
pub struct WorkspacePath(pub Num);

impl FromRequestParts<Edge> for WorkspacePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        num_of(&parameter(parts, edge, "wid").await?).map(Self)
    }
}

/// The token of an invite.
pub struct TokenPath(pub String);

impl FromRequestParts<Edge> for TokenPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        parameter(parts, edge, "token").await.map(Self)
    }
}

async fn parameter(parts: &mut Parts, edge: &Edge, name: &str) -> Result<String, Failure> {
    let parameters = RawPathParams::from_request_parts(parts, edge)
        .await
        // The path is not UTF-8 once decoded.
        .map_err(|_| Failure::not_found("route"))?;
    let value = parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| Failure::not_found("route"))
}

/// The workspace that an id names; 404 for what is none of ours.
pub fn num_of(text: &str) -> Result<Num, Failure> {
    id::parse(text).ok_or_else(|| Failure::not_found("workspace"))
}

/// A workspace as `user` sees it.
async fn composed(
    edge: &Edge,
    user: &User,
    workspace: Option<channel::Workspace>,
) -> Result<Workspace, Failure> {
    let workspace = workspace.ok_or_else(|| Error::internal("a reply lacks its workspace"))?;
    let people = compose::people(edge, user.app, [workspace.creator_num]).await?;
    Ok(shape::workspace(&workspace, &people))
}

/// A workspace that `user` is a member of; 404 else.
async fn found(edge: &Edge, user: &User, num: Num) -> Result<channel::Workspace, Failure> {
    let request = user.context.request(GetWorkspacesRequest { nums: vec![num] });
    let found = edge.channel().get_workspaces(request).await?.into_inner().workspaces;
    found.into_iter().next().ok_or_else(|| Failure::not_found("workspace"))
}

/// The configuration as the text that services take.
fn config_text(config: Option<Map<String, Value>>) -> Option<String> {
    request::custom_text(config)
}

/// An instant in a body: ISO 8601.
fn instant(path: &str, text: &str) -> Result<prost_types::Timestamp, Failure> {
    request::parse_time(text).ok_or_else(|| Failure::invalid(path, "must be an ISO 8601 time"))
}
