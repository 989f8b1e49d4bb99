use super::super::prelude::*;
use super::{Declarer, set_status};

/// `POST /api/presence/online`.
pub async fn handle(State(edge): State<Edge>, Declarer(user): Declarer) -> Answer<Success> {
    set_status(&edge, &user, true).await
}
