use parlance_proto::auth::UserInput;
use serde_json::{Map, Value};

use super::super::auth::ConnectIssuer;
use super::super::prelude::*;
use super::super::request::{custom_text, required};
use super::super::schema::{Custom, GivenCustom, GivenEmail, GivenImage, Name, Url, UserId};
use super::{Internal, SHORT_TTL_S, sign_in};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = UserId)]
    user_id: Option<String>,
    #[schema(value_type = Option<Name>)]
    display_name: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    avatar: Option<String>,
    #[schema(value_type = Option<GivenEmail>)]
    email: Option<String>,
    #[schema(value_type = Option<GivenCustom>)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    user: Connected,
    token: String,
    refresh_token: String,
    expires_in: u32,
    #[serde(rename = "_internal")]
    internal: Internal,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Connected {
    id: String,
    display_name: String,
    #[schema(value_type = Option<Url>)]
    avatar: Option<String>,
    #[schema(value_type = Custom)]
    metadata: Map<String, Value>,
}

/// What a profile's fields are called here.
const FIELDS: &[(&str, &str)] =
    &[("id", "userId"), ("name", "displayName"), ("image", "avatar"), ("custom", "metadata")];

/// `POST /api/auth/connect`: signs a user in, with a short access token and a refresh token.
#[utoipa::path(
    post,
    path = "/api/auth/connect",
    security(("apiKey" = [])),
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    ConnectIssuer(server): ConnectIssuer,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let input = UserInput {
        id: required("userId", body.user_id)?,
        name: body.display_name,
        email: body.email,
        image: body.avatar,
        custom: custom_text(body.metadata),
    };
    let signed_in = sign_in(&edge, &server.context, input, SHORT_TTL_S).await;
    let (user, tokens) = signed_in.map_err(|failure| failure.with_fields(FIELDS))?;
    let profile = convert::profile(&user);
    let user = Connected {
        id: profile.id,
        display_name: profile.name,
        avatar: profile.image,
        metadata: profile.custom,
    };
    Ok(Json(Reply {
        user,
        token: tokens.access_token,
        refresh_token: tokens.refresh_token,
        expires_in: tokens.expires_in_s,
        internal: Internal { ws_token: tokens.connection_token },
    }))
}
