use parlance_proto::channel::UpdateWorkspaceRequest;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::given;
use super::super::schema::{GivenImage, WorkspaceConfig, WorkspaceName, WorkspaceType};
use super::shape::Workspace;
use super::{WorkspacePath, composed, config_text, instant};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Option<WorkspaceName>)]
    name: Option<String>,
    #[schema(value_type = Option<WorkspaceType>)]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image: Option<Option<String>>,
    #[serde(default, rename = "imageUrl", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url: Option<Option<String>>,
    #[serde(default, rename = "image_url", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url_alias: Option<Option<String>>,
    #[schema(value_type = Option<WorkspaceConfig>)]
    config: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<convert::Time>)]
    expires_at: Option<Option<String>>,
}

/// `PATCH /api/workspaces/{wid}`, `PUT /api/workspaces/{wid}`: changes a workspace; owner or admin. Absent fields
/// stay, null clears image and end.
#[utoipa::path(
    method(patch, put),
    path = "/api/workspaces/{wid}",
    request_body = Body,
    responses((status = 200, body = Workspace), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    Input(body): Input<Body>,
) -> Answer<Workspace> {
    let (expires_at, never_expires) = match body.expires_at {
        None => (None, false),
        Some(None) => (None, true),
        Some(Some(text)) => (Some(instant("expiresAt", &text)?), false),
    };
    let request = UpdateWorkspaceRequest {
        workspace_num,
        name: body.name,
        r#type: body.r#type,
        image: body.image.or(body.image_url).or(body.image_url_alias).map(Option::unwrap_or_default),
        config: config_text(body.config),
        expires_at,
        never_expires,
    };
    let changed = edge.channel().update_workspace(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, changed.log_position).await;
    Ok(Json(composed(&edge, &user, changed.workspace).await?))
}
