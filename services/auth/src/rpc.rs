//! One line per call: who asks and until when is read here, the rest is in [`crate::ops`].

use std::future::Future;
use std::sync::Arc;

use parlance_core::Result;
use parlance_proto::auth::auth_service_server::AuthService;
use parlance_proto::auth::*;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use parlance_sql::retrying;
use tonic::{Request, Response, Status};

use crate::{Auth, ops};

/// The service behind the generated server.
#[derive(Clone)]
pub struct Rpc {
    auth: Arc<Auth>,
}

impl Rpc {
    pub(crate) fn new(auth: Arc<Auth>) -> Self {
        Self { auth }
    }

    async fn run<Q, A, F>(
        &self,
        request: Request<Q>,
        op: impl FnOnce(Arc<Auth>, Context, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A>>,
    {
        let context = Context::of(&request)?;
        Ok(Response::new(op(self.auth.clone(), context, request.into_inner()).await?))
    }

    /// The same for a change in one transaction, for which the database may ask for another try.
    async fn change<Q, A, F>(
        &self,
        request: Request<Q>,
        op: impl Fn(Arc<Auth>, Context, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        Q: Clone,
        F: Future<Output = Result<A>>,
    {
        let context = Context::of(&request)?;
        let request = request.into_inner();
        let answer = retrying(|| op(self.auth.clone(), context.clone(), request.clone())).await?;
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl AuthService for Rpc {
    async fn create_app(
        &self,
        request: Request<CreateAppRequest>,
    ) -> Result<Response<CreateAppResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::create_app::run(&auth, &context, request).await
        })
        .await
    }

    async fn list_apps(
        &self,
        request: Request<ListAppsRequest>,
    ) -> Result<Response<ListAppsResponse>, Status> {
        self.run(request, async |auth, context, request| ops::list_apps::run(&auth, &context, request).await)
            .await
    }

    async fn verify_api_key(
        &self,
        request: Request<VerifyApiKeyRequest>,
    ) -> Result<Response<VerifyApiKeyResponse>, Status> {
        self.run(request, async |auth, context, request| {
            ops::verify_api_key::run(&auth, &context, request).await
        })
        .await
    }

    async fn verify_token(
        &self,
        request: Request<VerifyTokenRequest>,
    ) -> Result<Response<VerifyTokenResponse>, Status> {
        self.run(request, async |auth, context, request| {
            ops::verify_token::run(&auth, &context, request).await
        })
        .await
    }

    async fn issue_tokens(
        &self,
        request: Request<IssueTokensRequest>,
    ) -> Result<Response<IssueTokensResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::issue_tokens::run(&auth, &context, request).await
        })
        .await
    }

    async fn refresh_tokens(
        &self,
        request: Request<RefreshTokensRequest>,
    ) -> Result<Response<IssueTokensResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::refresh_tokens::run(&auth, &context, request).await
        })
        .await
    }

    async fn issue_subscription_token(
        &self,
        request: Request<IssueSubscriptionTokenRequest>,
    ) -> Result<Response<IssueSubscriptionTokenResponse>, Status> {
        self.run(request, async |auth, context, request| {
            ops::issue_subscription_token::run(&auth, &context, request).await
        })
        .await
    }

    async fn upsert_users(
        &self,
        request: Request<UpsertUsersRequest>,
    ) -> Result<Response<UpsertUsersResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::upsert_users::run(&auth, &context, request).await
        })
        .await
    }

    async fn get_users(
        &self,
        request: Request<GetUsersRequest>,
    ) -> Result<Response<GetUsersResponse>, Status> {
        self.run(request, async |auth, context, request| ops::get_users::run(&auth, &context, request).await)
            .await
    }

    async fn list_users(
        &self,
        request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        self.run(request, async |auth, context, request| ops::list_users::run(&auth, &context, request).await)
            .await
    }

    async fn delete_users(
        &self,
        request: Request<DeleteUsersRequest>,
    ) -> Result<Response<DeleteUsersResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::delete_users::run(&auth, &context, request).await
        })
        .await
    }

    async fn find_users_by_handle(
        &self,
        request: Request<FindUsersByHandleRequest>,
    ) -> Result<Response<FindUsersByHandleResponse>, Status> {
        self.run(request, async |auth, context, request| {
            ops::find_users_by_handle::run(&auth, &context, request).await
        })
        .await
    }

    async fn record_activity(
        &self,
        request: Request<RecordActivityRequest>,
    ) -> Result<Response<RecordActivityResponse>, Status> {
        self.change(request, async |auth, context, request| {
            ops::record_activity::run(&auth, &context, request).await
        })
        .await
    }

    async fn read_log(&self, request: Request<ReadLogRequest>) -> Result<Response<ReadLogResponse>, Status> {
        self.run(request, async |auth, context, request| ops::read_log::run(&auth, &context, request).await)
            .await
    }
}
