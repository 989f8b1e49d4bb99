use parlance_proto::auth::UserInput;
use serde_json::{Map, Value};

use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::{UserPath, custom_text};
use super::super::schema::{GivenCustom, GivenEmail, GivenImage, Name};
use super::upsert;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = Option<Name>)]
    name: Option<String>,
    #[schema(value_type = Option<GivenImage>)]
    image: Option<String>,
    #[schema(value_type = Option<GivenEmail>)]
    email: Option<String>,
    #[schema(value_type = Option<GivenCustom>)]
    custom: Option<Map<String, Value>>,
}

/// `PUT /api/users/{userId}`: creates or updates a user; custom data is merged, absent fields stay.
#[utoipa::path(
    put,
    path = "/api/users/{userId}",
    security(("apiKey" = [])),
    request_body = Body,
    responses((status = 200, body = convert::Profile))
)]
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
