use parlance_proto::channel::BlockUserRequest;

use super::super::prelude::*;
use super::super::request::UserPath;

/// `POST /api/users/{userId}/block`: blocks a user: no new direct channel between the two, nothing new in the
/// one that they have, neither sees whether the other is there.
#[utoipa::path(
    post,
    path = "/api/users/{userId}/block",
    responses((status = 200, body = Success), (status = 400))
)]
pub async fn handle(State(edge): State<Edge>, user: User, UserPath(id): UserPath) -> Answer<Success> {
    let user_num = compose::num_of(&edge, &user, id).await?;
    if user_num == user.num {
        return Err(Failure::invalid("userId", "must not be your own"));
    }
    let request = user.context.request(BlockUserRequest { user_num });
    let done = edge.channel().block_user(request).await?.into_inner();
    compose::settle(&edge, &user.context, done.log_position).await;
    success()
}
