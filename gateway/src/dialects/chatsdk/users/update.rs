use parlance_proto::auth::UserInput;
use serde_json::{Map, Value};

use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::{UserPath, custom_text};
use super::upsert;

#[derive(Deserialize)]
pub struct Body {
    name: Option<String>,
    image: Option<String>,
    email: Option<String>,
    custom: Option<Map<String, Value>>,
}

/// `PUT /api/users/{userId}`: creates or updates a user; custom data is merged, absent fields stay.
pub async fn handle(
    State(edge): State<Edge>,
    server: Server,
    UserPath(id): UserPath,
    Input(body): Input<Body>,
) -> Answer<convert::Profile> {
    let input = UserInput {
        id,
        name: body.name,
        image: body.image,
        email: body.email,
        custom: custom_text(body.custom),
    };
    Ok(Json(convert::profile(&upsert(&edge, &server.context, input).await?)))
}
