use http::StatusCode;
use parlance_proto::channel::CreateChannelRequest;
use parlance_rpc::Context;

use super::super::prelude::*;
use super::super::request::IdempotencyKey;
use super::super::schema::{ChannelType, Description, GivenImage, GivenName, Id, Key, UserId};
use super::super::workspaces;
use super::ConfigInput;

/// Most members beside the creator.
const MAX_MEMBERS: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Option<GivenName>)]
    name: Option<String>,
    #[schema(value_type = Option<ChannelType>)]
    r#type: Option<String>,
    #[schema(value_type = Option<Description>)]
    description: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    image: Option<String>,
    #[serde(rename = "imageUrl")]
    #[schema(value_type = Option<GivenImage>)]
    image_url: Option<String>,
    #[serde(rename = "image_url")]
    #[schema(value_type = Option<GivenImage>)]
    image_url_alias: Option<String>,
    #[schema(value_type = Option<Vec<UserId>>, max_items = 100)]
    member_ids: Option<Vec<String>>,
    #[schema(value_type = Option<Id>)]
    workspace_id: Option<String>,
    #[serde(rename = "workspace_id")]
    #[schema(value_type = Option<Id>)]
    workspace_id_alias: Option<String>,
    #[schema(value_type = Option<Key>)]
    idempotency_key: Option<String>,
    config: Option<ConfigInput>,
}

/// `POST /api/channels`: makes a channel: 201 with it; 200 with the direct channel that the pair
/// has, or with the channel that the idempotency key made before. In a workspace: 404 for those who are
/// no members, 403 if others are not.
#[utoipa::path(
    post,
    path = "/api/channels",
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (status = 201, body = convert::Channel),
        (status = 200, body = convert::Channel, description = "It was there already."),
        (status = 403),
        (status = 404)
    )
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    IdempotencyKey(header_key): IdempotencyKey,
    Input(body): Input<Body>,
) -> Result<(StatusCode, Json<convert::Channel>), Failure> {
    let workspace = body.workspace_id.or(body.workspace_id_alias).filter(|id| !id.is_empty());
    let workspace_num = workspace.map(|id| workspaces::num_of(&id)).transpose()?.unwrap_or(0);
    if body.name.as_deref() == Some("") {
        return Err(Failure::invalid("name", "must not be empty"));
    }
    let mut member_ids = body.member_ids.unwrap_or_default();
    member_ids.sort_unstable();
    member_ids.dedup();
    if member_ids.len() > MAX_MEMBERS {
        return Err(Failure::invalid("memberIds", format_args!("may name at most {MAX_MEMBERS} users")));
    }
    let members = compose::users_of(&edge, &user.context, member_ids).await?;
    let request = CreateChannelRequest {
        r#type: body.r#type.filter(|name| !name.is_empty()).unwrap_or_else(|| "messaging".to_owned()),
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        image: body.image.or(body.image_url).or(body.image_url_alias).unwrap_or_default(),
        member_nums: members.iter().map(|member| member.num).collect(),
        config: body.config.map(Into::into),
        idempotency_key: body.idempotency_key.unwrap_or(header_key),
        custom: String::new(),
        id: String::new(),
        workspace_num,
    };
    let keyed = !request.idempotency_key.is_empty();
    let mut request = user.context.request(request);
    if keyed {
        request = Context::keyed(request);
    }
    let made = edge.channel().create_channel(request).await?.into_inner();
    compose::settle(&edge, &user.context, made.log_position).await;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(compose::channel(&edge, &user, made.channel).await?)))
}
