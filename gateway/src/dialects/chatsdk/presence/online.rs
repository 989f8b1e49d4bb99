use super::super::prelude::*;
use super::set_status;

/// `POST /api/presence/online`.
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Success> {
    set_status(&edge, &user, true).await
}
