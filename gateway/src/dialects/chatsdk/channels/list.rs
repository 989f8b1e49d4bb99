use parlance_core::Num;
use parlance_proto::channel::ListChannelsRequest;

use super::super::compose::Members;
use super::super::prelude::*;
use super::super::schema::{ChannelType, Id};
use super::super::workspaces;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    channels: Vec<convert::Channel>,
}

/// `GET /api/channels?limit&offset&type&workspaceId`: joined and discoverable channels, newest activity first;
/// those of a workspace for its members only.
#[utoipa::path(
    get,
    path = "/api/channels",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 50 if absent; brought into 1 to 100."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first."),
        ("type" = Option<ChannelType>, Query, description = "Only channels of this type."),
        ("workspaceId" = Option<Id>, Query, description = "Only channels of this workspace.")
    ),
    responses((status = 200, body = Reply), (status = 403), (status = 404))
)]
pub async fn handle(State(edge): State<Edge>, user: User, query: Query) -> Answer<Reply> {
    let workspace = query.text("workspaceId").or_else(|| query.text("workspace_id"));
    let workspace = workspace.map(workspaces::num_of).transpose()?.unwrap_or(0);
    listed(&edge, &user, &query, workspace).await
}

/// The page that a query asks for; of one workspace, unless it is 0.
pub async fn listed(edge: &Edge, user: &User, query: &Query, workspace_num: Num) -> Answer<Reply> {
    let request = ListChannelsRequest {
        r#type: query.text("type").unwrap_or_default().to_owned(),
        limit: query.limit(50, 100)?,
        offset: query.offset()?,
        workspace_num,
    };
    let found = edge.channel().list_channels(user.context.request(request)).await?.into_inner();
    let channels = compose::channels(edge, user, &found.channels, Members::OfSmallTypes).await?;
    Ok(Json(Reply { channels }))
}
