//! A running link-preview service with a clock that stands still.

use std::sync::Arc;

use parlance_core::{Caller, Error, ManualClock, Micros, Reason};
use parlance_link_preview::{Dependencies, Settings};
use parlance_proto::link_preview::link_preview_service_server::LinkPreviewServiceServer;
use parlance_proto::link_preview::resolve_response::Outcome;
use parlance_proto::link_preview::{
    GetSettingsRequest, LinkPreview, ResolveRequest, ResolveResponse, Settings as Rules,
    UpdateSettingsRequest,
};
use parlance_rpc::{Authenticate, Context, LinkPreviewClient};
use parlance_sql::Store;
use parlance_testkit::{TempStore, temp_store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Response, Status};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

pub const APP: Uuid = Uuid::from_u128(7);
pub const OTHER_APP: Uuid = Uuid::from_u128(8);
pub const START: Micros = Micros::from_secs(1_800_000_000);

/// The service on some store.
pub struct Service {
    pub client: LinkPreviewClient,
    pub clock: Arc<ManualClock>,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    server: LinkPreviewServiceServer<parlance_link_preview::Rpc>,
}

/// The service on a store of its own.
pub struct Embedded {
    service: Service,
    _store: TempStore,
}

impl std::ops::Deref for Embedded {
    type Target = Service;
    fn deref(&self) -> &Service {
        &self.service
    }
}

/// Sites listen on loopback here.
pub fn settings() -> Settings {
    Settings { allow_private_networks: true, ..Settings::default() }
}

pub async fn service() -> Embedded {
    service_with(settings()).await
}

pub async fn service_with(settings: Settings) -> Embedded {
    let store = temp_store(parlance_link_preview::migrate).await;
    let clock = Arc::new(ManualClock::at(START));
    Embedded { service: Service::on(&store, clock, settings).await, _store: store }
}

impl Service {
    pub async fn on(store: &Store, clock: Arc<ManualClock>, settings: Settings) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let server = parlance_link_preview::start(Dependencies {
            store: store.clone(),
            clock: clock.clone(),
            settings,
            tasks: tasks.clone(),
            stop: stop.clone(),
        })
        .await
        .unwrap();
        let served = parlance_rpc::serve(server.clone(), None, None);
        Self { client: LinkPreviewClient::new(parlance_rpc::in_process(served)), clock, tasks, stop, server }
    }

    /// A client from outside: whatever its metadata say, it is taken for `caller`.
    pub fn outside(&self, caller: Caller) -> LinkPreviewClient {
        let caller = Caller { trusted: false, ..caller };
        let authenticate: Authenticate = Arc::new(move |_| {
            let caller = caller.clone();
            Box::pin(async move { Ok(caller) })
        });
        let served = parlance_rpc::serve(self.server.clone(), Some(authenticate), None);
        LinkPreviewClient::new(BoxCloneSyncService::new(served.map_err(|never| match never {})))
    }

    pub async fn resolve(&self, url: &str) -> ResolveResponse {
        self.resolve_of(APP, url).await
    }

    pub async fn resolve_of(&self, app: Uuid, url: &str) -> ResolveResponse {
        let request = Context::new(Caller::service(app)).request(ResolveRequest { url: url.to_owned() });
        self.client.clone().resolve(request).await.unwrap().into_inner()
    }

    pub async fn outcome(&self, url: &str) -> Outcome {
        self.resolve(url).await.outcome()
    }

    /// The preview of a link that leads somewhere.
    pub async fn preview(&self, url: &str) -> LinkPreview {
        let response = self.resolve(url).await;
        assert_eq!(response.outcome(), Outcome::Found, "{url}");
        response.preview.unwrap()
    }

    pub async fn set_rules(&self, app: Uuid, rules: Rules) -> Result<Rules, Error> {
        let request = UpdateSettingsRequest { settings: Some(rules) };
        let request = Context::new(Caller::app(app)).request(request);
        let response = self.client.clone().update_settings(request).await;
        response.map(|response| response.into_inner().settings.unwrap()).map_err(Error::from)
    }

    pub async fn rules(&self, app: Uuid) -> Rules {
        let request = Context::new(Caller::app(app)).request(GetSettingsRequest {});
        self.client.clone().get_settings(request).await.unwrap().into_inner().settings.unwrap()
    }
}

/// Rules that let everything be opened.
pub fn open_rules() -> Rules {
    Rules { enabled: true, ..Rules::default() }
}

pub fn hosts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Runs a call, telling refusals by their reason.
pub async fn reason<T: std::fmt::Debug>(call: impl Future<Output = Result<Response<T>, Status>>) -> Reason {
    Error::from(call.await.expect_err("the call is refused")).reason
}
