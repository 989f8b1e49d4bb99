use super::super::prelude::*;
use super::{Declarer, set_status};

/// `POST /api/presence/offline`: the caller says that he is gone.
#[utoipa::path(post, path = "/api/presence/offline", responses((status = 200, body = Success)))]
pub async fn handle(State(edge): State<Edge>, Declarer(user): Declarer) -> Answer<Success> {
    set_status(&edge, &user, false).await
}
