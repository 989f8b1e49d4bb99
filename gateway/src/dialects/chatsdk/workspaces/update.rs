use parlance_proto::channel::UpdateWorkspaceRequest;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::given;
use super::shape::Workspace;
use super::{WorkspacePath, composed, config_text, instant};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    name: Option<String>,
    r#type: Option<String>,
    #[serde(default, deserialize_with = "given")]
    image: Option<Option<String>>,
    #[serde(default, rename = "imageUrl", deserialize_with = "given")]
    image_url: Option<Option<String>>,
    #[serde(default, rename = "image_url", deserialize_with = "given")]
    image_url_alias: Option<Option<String>>,
    config: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "given")]
    expires_at: Option<Option<String>>,
}

/// `PATCH` and `PUT /api/workspaces/{wid}`: owner or admin. Absent fields stay; null clears image and end.
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
