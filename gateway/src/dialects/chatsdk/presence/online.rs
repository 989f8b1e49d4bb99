use super::super::prelude::*;
use super::{Declarer, set_status};

/// `POST /api/presence/online`: the caller says that he is there.
#[utoipa::path(post, path = "/api/presence/online", responses((status = 200, body = Success)))]
pub async fn handle(State(edge): State<Edge>, Declarer(user): Declarer) -> Answer<Success> {
    set_status(&edge, &user, true).await
}
