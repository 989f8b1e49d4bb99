use parlance_proto::auth::{self, UserInput};
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::super::request::{custom_text, given};
use super::upsert;

/// `GET /api/users/me`: the caller, in full.
pub async fn get(State(edge): State<Edge>, user: User) -> Answer<convert::User> {
    let found = compose::users_of(&edge, &user.context, vec![user.id.clone()]).await?;
    let found = found.first().ok_or_else(|| Failure::not_found("user"))?;
    Ok(Json(in_full(&edge, &user, found).await))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    image: Option<Option<String>>,
    #[serde(default, rename = "imageUrl", deserialize_with = "given")]
    image_url: Option<Option<String>>,
    #[serde(default, rename = "image_url", deserialize_with = "given")]
    image_url_alias: Option<Option<String>>,
    custom: Option<Map<String, Value>>,
}

/// `PATCH /api/users/me`: the caller changes his profile. Absent fields stay, null clears, custom data
/// is merged; nothing in it grants any right.
pub async fn update(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<convert::User> {
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

async fn in_full(edge: &Edge, user: &User, found: &auth::User) -> convert::User {
    let presence = compose::presence(edge, &user.context, vec![user.num]).await;
    convert::user(found, presence.get(&user.num).copied().unwrap_or_default(), true)
}
