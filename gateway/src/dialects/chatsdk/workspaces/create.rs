use http::StatusCode;
use parlance_proto::channel::CreateWorkspaceRequest;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::{IdempotencyKey, required};
use super::shape::Workspace;
use super::{composed, config_text, instant};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    name: Option<String>,
    r#type: Option<String>,
    image: Option<String>,
    #[serde(rename = "imageUrl")]
    image_url: Option<String>,
    #[serde(rename = "image_url")]
    image_url_alias: Option<String>,
    config: Option<Map<String, Value>>,
    expires_at: Option<String>,
}

/// `POST /api/workspaces`: 201 with the new workspace, which the caller owns; 200 with the one that the
/// idempotency key made before.
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Input(body): Input<Body>,
) -> Result<(StatusCode, Json<Workspace>), Failure> {
    let request = CreateWorkspaceRequest {
        name: required("name", body.name)?,
        r#type: body.r#type.unwrap_or_default(),
        image: body.image.or(body.image_url).or(body.image_url_alias).unwrap_or_default(),
        config: config_text(body.config).unwrap_or_default(),
        expires_at: body.expires_at.map(|text| instant("expiresAt", &text)).transpose()?,
        idempotency_key,
    };
    let made = edge.channel().create_workspace(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, made.log_position).await;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(composed(&edge, &user, made.workspace).await?)))
}
