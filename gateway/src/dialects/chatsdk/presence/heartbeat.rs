use parlance_proto::presence::ReportActivityRequest;

use super::super::prelude::*;

/// `POST /api/presence/heartbeat`: the caller is there.
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Success> {
    edge.presence().report_activity(user.context.request(ReportActivityRequest {})).await?;
    success()
}
