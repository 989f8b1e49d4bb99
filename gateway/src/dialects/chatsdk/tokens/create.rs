use serde_json::{Map, Value};

use super::super::auth::Issuer;
use super::super::prelude::*;
use super::super::request::{custom_text, required};
use super::super::schema::{GivenCustom, GivenEmail, GivenImage, Name, Url, UserId};
use super::super::session;
use parlance_proto::auth::UserInput;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = UserId)]
    user_id: Option<String>,
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    #[schema(value_type = Option<GivenEmail>)]
    email: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    image: Option<String>,
    #[schema(value_type = Option<GivenCustom>)]
    custom: Option<Map<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    token: String,
    ws_token: String,
    user: Named,
    expires_in: u32,
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
struct Named {
    id: String,
    name: String,
    email: Option<String>,
    #[schema(value_type = Option<Url>)]
    image: Option<String>,
}

/// `POST /tokens`: creates or updates the user and signs him in.
#[utoipa::path(
    post,
    path = "/tokens",
    security(("apiKey" = [])),
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    Issuer(server): Issuer,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let input = UserInput {
        id: required("userId", body.user_id)?,
        name: body.name,
        email: body.email,
        image: body.image,
        custom: custom_text(body.custom),
    };
    let ttl_s = edge.settings().chatsdk.access_ttl_s;
    let signed_in = session::sign_in(&edge, &server.context, input, ttl_s).await;
    let (user, tokens) = signed_in.map_err(|failure| failure.with_fields(&[("id", "userId")]))?;
    let profile = convert::profile(&user);
    Ok(Json(Reply {
        token: tokens.access_token,
        ws_token: tokens.connection_token,
        user: Named { id: profile.id, name: profile.name, email: profile.email, image: profile.image },
        expires_in: tokens.expires_in_s,
        refresh_token: tokens.refresh_token,
    }))
}
