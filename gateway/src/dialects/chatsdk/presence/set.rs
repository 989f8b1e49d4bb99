use super::super::prelude::*;
use super::{Declarer, set_status};

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = bool)]
    online: Option<bool>,
}

/// `POST /api/presence`: the caller is online, or not.
#[utoipa::path(
    post,
    path = "/api/presence",
    request_body = Body,
    responses((status = 200, body = Success))
)]
pub async fn handle(
    State(edge): State<Edge>,
    Declarer(user): Declarer,
    Input(body): Input<Body>,
) -> Answer<Success> {
    let online = body.online.ok_or_else(|| Failure::invalid("online", "is required"))?;
    set_status(&edge, &user, online).await
}
