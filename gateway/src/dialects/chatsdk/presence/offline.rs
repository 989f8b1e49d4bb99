use super::super::prelude::*;
use super::set_status;

/// `POST /api/presence/offline`.
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Success> {
    set_status(&edge, &user, false).await
}
