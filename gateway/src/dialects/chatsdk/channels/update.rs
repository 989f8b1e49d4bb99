use parlance_proto::channel::UpdateChannelRequest;

use super::super::prelude::*;
use super::super::request::given;
use super::super::schema::{Description, GivenImage, GivenName};
use super::ConfigInput;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<GivenName>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Description>)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image: Option<Option<String>>,
    #[serde(default, rename = "imageUrl", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url: Option<Option<String>>,
    #[serde(default, rename = "image_url", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url_alias: Option<Option<String>>,
    config: Option<ConfigInput>,
}

/// `PATCH /api/channels/{id}`: changes a channel; owner or admin. Absent fields stay, null clears.
#[utoipa::path(
    patch,
    path = "/api/channels/{id}",
    request_body = Body,
    responses((status = 200, body = convert::Channel))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<convert::Channel> {
    if body.name.as_ref().is_some_and(|name| name.as_deref() == Some("")) {
        return Err(Failure::invalid("name", "must not be empty; null clears it"));
    }
    let request = UpdateChannelRequest {
        channel_num,
        name: body.name.map(Option::unwrap_or_default),
        description: body.description.map(Option::unwrap_or_default),
        image: body.image.or(body.image_url).or(body.image_url_alias).map(Option::unwrap_or_default),
        config: body.config.map(Into::into),
    };
    let changed = edge.channel().update_channel(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, changed.log_position).await;
    Ok(Json(compose::channel(&edge, &user, changed.channel).await?))
}
