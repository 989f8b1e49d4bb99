use parlance_proto::auth::UserInput;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::{custom_text, given};
use super::super::schema::{GivenCustom, GivenEmail, GivenImage, Name};
use super::{in_full, upsert};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<GivenEmail>)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image: Option<Option<String>>,
    #[serde(default, rename = "imageUrl", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url: Option<Option<String>>,
    #[serde(default, rename = "image_url", deserialize_with = "given")]
    #[schema(value_type = Option<GivenImage>)]
    image_url_alias: Option<Option<String>>,
    #[schema(value_type = Option<GivenCustom>)]
    custom: Option<Map<String, Value>>,
}

/// `PATCH /api/users/me`: the caller changes his profile. Absent fields stay, null clears, custom data
/// is merged; nothing in it grants any right. The e-mail address is the app's to set: another one than he has is 403.
#[utoipa::path(
    patch,
    path = "/api/users/me",
    request_body = Body,
    responses((status = 200, body = convert::User), (status = 403))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<convert::User> {
    let input = UserInput {
        id: user.id.clone(),
        name: body.name.map(Option::unwrap_or_default),
        email: body.email.map(Option::unwrap_or_default),
        image: body.image.or(body.image_url).or(body.image_url_alias).map(Option::unwrap_or_default),
        custom: custom_text(body.custom),
    };
    let changed = upsert(&edge, &user.context, input).await?;
    Ok(Json(in_full(&edge, &user, &changed).await))
}
