use parlance_proto::channel::UnblockUserRequest;

use super::super::prelude::*;
use super::super::request::UserPath;

/// `DELETE /api/users/{userId}/block`: takes a block back.
#[utoipa::path(
    delete,
    path = "/api/users/{userId}/block",
    responses((status = 200, body = Success), (status = 400))
)]
pub async fn handle(State(edge): State<Edge>, user: User, UserPath(id): UserPath) -> Answer<Success> {
    let user_num = compose::num_of(&edge, &user, id).await?;
    if user_num == user.num {
        return Err(Failure::invalid("userId", "must not be your own"));
    }
    let request = user.context.request(UnblockUserRequest { user_num });
    edge.channel().unblock_user(request).await?;
    success()
}
