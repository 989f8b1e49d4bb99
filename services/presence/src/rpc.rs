use std::sync::Arc;

use parlance_proto::presence::presence_service_server::PresenceService;
use parlance_proto::presence::{
    GetPresenceRequest, GetPresenceResponse, RenewGatewayRequest, RenewGatewayResponse,
    ReportActivityRequest, ReportActivityResponse, ReportConnectionsRequest, ReportConnectionsResponse,
    SetStatusRequest, SetStatusResponse, SetTypingRequest, SetTypingResponse,
};
use parlance_rpc::Context;
use tonic::{Request, Response, Status};

use crate::ops;
use crate::presence::Presence;

/// The service's calls; each is one file in `ops`.
pub struct Rpc {
    presence: Arc<Presence>,
}

impl Rpc {
    pub(crate) fn new(presence: Arc<Presence>) -> Self {
        Self { presence }
    }
}

macro_rules! delegate {
    ($self:ident, $request:ident, $operation:path) => {{
        let context = Context::of(&$request)?;
        Ok(Response::new($operation(&$self.presence, &context, $request.into_inner()).await?))
    }};
}

#[tonic::async_trait]
impl PresenceService for Rpc {
    async fn report_connections(
        &self,
        request: Request<ReportConnectionsRequest>,
    ) -> Result<Response<ReportConnectionsResponse>, Status> {
        delegate!(self, request, ops::report_connections::report_connections)
    }

    async fn renew_gateway(
        &self,
        request: Request<RenewGatewayRequest>,
    ) -> Result<Response<RenewGatewayResponse>, Status> {
        delegate!(self, request, ops::renew_gateway::renew_gateway)
    }

    async fn report_activity(
        &self,
        request: Request<ReportActivityRequest>,
    ) -> Result<Response<ReportActivityResponse>, Status> {
        delegate!(self, request, ops::report_activity::report_activity)
    }

    async fn set_status(
        &self,
        request: Request<SetStatusRequest>,
    ) -> Result<Response<SetStatusResponse>, Status> {
        delegate!(self, request, ops::set_status::set_status)
    }

    async fn get_presence(
        &self,
        request: Request<GetPresenceRequest>,
    ) -> Result<Response<GetPresenceResponse>, Status> {
        delegate!(self, request, ops::get_presence::get_presence)
    }

    async fn set_typing(
        &self,
        request: Request<SetTypingRequest>,
    ) -> Result<Response<SetTypingResponse>, Status> {
        delegate!(self, request, ops::set_typing::set_typing)
    }
}
