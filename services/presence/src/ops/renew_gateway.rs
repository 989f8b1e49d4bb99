use parlance_core::Result;
use parlance_proto::presence::{RenewGatewayRequest, RenewGatewayResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::presence::Presence;

/// Keeps a gateway's connections alive for another minute.
pub(crate) async fn renew_gateway(
    presence: &Presence,
    context: &Context,
    request: RenewGatewayRequest,
) -> Result<RenewGatewayResponse> {
    context.caller.require_service()?;
    let gateway = convert::gateway(&request.gateway_id)?;
    let known = presence.store.renew(gateway, presence.now()).await?;
    Ok(RenewGatewayResponse { resync: !known })
}
