use http::StatusCode;
use parlance_proto::channel::CreateWorkspaceRequest;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::{IdempotencyKey, required};
use super::super::schema::{GivenImage, WorkspaceConfig, WorkspaceName, WorkspaceType};
use super::shape::Workspace;
use super::{composed, config_text, instant};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = WorkspaceName)]
    name: Option<String>,
    /// `team` if absent.
    #[schema(value_type = Option<WorkspaceType>)]
    r#type: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    image: Option<String>,
    #[serde(rename = "imageUrl")]
    #[schema(value_type = Option<GivenImage>)]
    image_url: Option<String>,
    #[serde(rename = "image_url")]
    #[schema(value_type = Option<GivenImage>)]
    image_url_alias: Option<String>,
    #[schema(value_type = Option<WorkspaceConfig>)]
    config: Option<Map<String, Value>>,
    /// When it is over; not in the past.
    #[schema(value_type = Option<convert::Time>)]
    expires_at: Option<String>,
}

/// `POST /api/workspaces`: makes a workspace, which the caller owns: 201 with it; 200 with the one that the
/// idempotency key made before.
#[utoipa::path(
    post,
    path = "/api/workspaces",
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (status = 201, body = Workspace),
        (status = 200, body = Workspace, description = "It was there already.")
    )
)]
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
