//! One line per call: who asks and until when is read here, the rest is in [`crate::ops`].

use std::future::Future;
use std::sync::Arc;

use parlance_core::Result;
use parlance_proto::link_preview::link_preview_service_server::LinkPreviewService;
use parlance_proto::link_preview::*;
use parlance_rpc::Context;
use parlance_sql::retrying;
use tonic::{Request, Response, Status};

use crate::{Previews, ops};

/// The service behind the generated server.
#[derive(Clone)]
pub struct Rpc {
    previews: Arc<Previews>,
}

impl Rpc {
    pub(crate) fn new(previews: Arc<Previews>) -> Self {
        Self { previews }
    }

    async fn run<Q, A, F>(
        &self,
        request: Request<Q>,
        op: impl FnOnce(Arc<Previews>, Context, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A>>,
    {
        let context = Context::of(&request)?;
        Ok(Response::new(op(self.previews.clone(), context, request.into_inner()).await?))
    }

    /// The same for a change in one transaction, for which the database may ask for another try.
    async fn change<Q, A, F>(
        &self,
        request: Request<Q>,
        op: impl Fn(Arc<Previews>, Context, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        Q: Clone,
        F: Future<Output = Result<A>>,
    {
        let context = Context::of(&request)?;
        let request = request.into_inner();
        let answer = retrying(|| op(self.previews.clone(), context.clone(), request.clone())).await?;
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl LinkPreviewService for Rpc {
    async fn resolve(&self, request: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        self.run(request, async |previews, context, request| {
            ops::resolve::run(&previews, &context, request).await
        })
        .await
    }

    async fn get_settings(
        &self,
        request: Request<GetSettingsRequest>,
    ) -> Result<Response<GetSettingsResponse>, Status> {
        self.run(request, async |previews, context, request| {
            ops::get_settings::run(&previews, &context, request).await
        })
        .await
    }

    async fn update_settings(
        &self,
        request: Request<UpdateSettingsRequest>,
    ) -> Result<Response<UpdateSettingsResponse>, Status> {
        self.change(request, async |previews, context, request| {
            ops::update_settings::run(&previews, &context, request).await
        })
        .await
    }
}
