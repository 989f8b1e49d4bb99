use parlance_core::Num;
use parlance_proto::channel::ListChannelsRequest;

use super::super::compose::Members;
use super::super::prelude::*;
use super::super::workspaces;

#[derive(Serialize)]
pub struct Reply {
    channels: Vec<convert::Channel>,
}

/// `GET /api/channels?limit&offset&type&workspaceId`: joined and discoverable channels, newest activity first;
/// those of a workspace for its members only.
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
