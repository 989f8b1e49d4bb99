use parlance_proto::presence::ReportActivityRequest;

use super::super::auth::Declarer;
use super::super::prelude::*;

/// `POST /api/presence/heartbeat`: the caller is still there.
#[utoipa::path(post, path = "/api/presence/heartbeat", responses((status = 200, body = Success)))]
pub async fn handle(State(edge): State<Edge>, Declarer(user): Declarer) -> Answer<Success> {
    edge.activity().declared(user.num);
    edge.presence().report_activity(user.context.request(ReportActivityRequest::default())).await?;
    success()
}
