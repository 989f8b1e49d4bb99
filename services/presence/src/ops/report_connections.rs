use parlance_core::Result;
use parlance_proto::presence::{ReportConnectionsRequest, ReportConnectionsResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::presence::Presence;

/// Applies a gateway's report: all of it, or nothing if an entry is malformed.
pub(crate) async fn report_connections(
    presence: &Presence,
    context: &Context,
    request: ReportConnectionsRequest,
) -> Result<ReportConnectionsResponse> {
    context.caller.require_service()?;
    let gateway = convert::gateway(&request.gateway_id)?;
    let changes = request.changes.into_iter().map(convert::connection_change).collect::<Result<Vec<_>>>()?;
    let report = presence.store.report(gateway, changes, presence.now()).await?;
    presence.announcer.announce(report.news);
    Ok(ReportConnectionsResponse { resync: !report.known })
}
