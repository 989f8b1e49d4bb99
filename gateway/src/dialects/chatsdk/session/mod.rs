//! `/api/auth`: sessions of current clients.

pub mod connect;
pub mod refresh;

use parlance_proto::auth::{self, IssueTokensRequest, IssueTokensResponse, UserInput};
use parlance_rpc::Context;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Failure;
use super::users;
use crate::state::Edge;

/// Life of the tokens that connect and refresh give, in seconds.
const SHORT_TTL_S: u32 = 900;

/// What only the client library is to read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Internal {
    ws_token: String,
}

/// Creates or updates a user and issues tokens for a new session of his.
pub async fn sign_in(
    edge: &Edge,
    context: &Context,
    input: UserInput,
    ttl_s: u32,
) -> Result<(auth::User, IssueTokensResponse), Failure> {
    let user = users::upsert(edge, context, input).await?;
    let request = IssueTokensRequest { user_num: user.num, ttl_s };
    let tokens = edge.auth().issue_tokens(context.request(request)).await?.into_inner();
    Ok((user, tokens))
}
