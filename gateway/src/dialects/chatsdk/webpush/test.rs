use parlance_proto::notification::SendTestRequest;

use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    /// Devices that it goes to.
    queued: u32,
}

/// `POST /api/webpush/test`: sends a notification to one's own devices.
#[utoipa::path(
    post,
    path = "/api/webpush/test",
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Reply> {
    let request = user.context.request(SendTestRequest {});
    let answer = edge.notification().send_test(request).await?.into_inner();
    Ok(Json(Reply { success: true, queued: answer.queued }))
}
