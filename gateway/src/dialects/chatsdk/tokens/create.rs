use serde_json::{Map, Value};

use super::super::auth::Issuer;
use super::super::prelude::*;
use super::super::request::{custom_text, required};
use super::super::session;
use parlance_proto::auth::UserInput;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    user_id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    image: Option<String>,
    custom: Option<Map<String, Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    token: String,
    ws_token: String,
    user: Named,
    expires_in: u32,
    refresh_token: String,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
    email: Option<String>,
    image: Option<String>,
}

/// `POST /tokens`: creates or updates the user and signs him in.
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
