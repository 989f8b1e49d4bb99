//! A running auth service with a clock that stands still.

use std::ops::Deref;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parlance_auth::Dependencies;
use parlance_bus::{MemoryBus, Topic};
use parlance_core::{Caller, Clock as _, Error, ManualClock, Micros, Num, Reason};
use parlance_proto::auth::auth_service_server::AuthServiceServer;
use parlance_proto::auth::*;
use parlance_rpc::{AuthClient, Authenticate, Context};
use parlance_sql::Store;
use parlance_testkit::{Listener, TempStore, temp_store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

pub const MASTER_KEY: [u8; 32] = [7; 32];
pub const START: Micros = Micros::from_secs(1_800_000_000);
pub const TTL_S: u32 = 900;

/// The service on some store.
pub struct Auth {
    pub client: AuthClient,
    pub clock: Arc<ManualClock>,
    pub bus: Arc<MemoryBus>,
    pub store: Store,
    server: AuthServiceServer<parlance_auth::Rpc>,
}

/// The service on a SQLite file.
pub struct Embedded {
    auth: Auth,
    file: TempStore,
}

impl Deref for Embedded {
    type Target = Auth;
    fn deref(&self) -> &Auth {
        &self.auth
    }
}

/// A fresh app and its shown-once values.
pub struct App {
    pub id: Uuid,
    pub api_key: String,
    pub secret: String,
}

pub async fn auth() -> Embedded {
    let store = temp_store(parlance_auth::migrate).await;
    Embedded { auth: Auth::on(&store).await, file: store }
}

impl Embedded {
    /// Every byte that the store has written; nothing where that cannot be known.
    pub fn written(&self) -> Vec<u8> {
        let Some(file) = self.file.path() else { return Vec::new() };
        let log = file.with_extension("db-wal");
        [std::fs::read(file).unwrap(), std::fs::read(log).unwrap_or_default()].concat()
    }
}

/// Runs a call, telling refusals by their reason.
pub async fn reason<T: std::fmt::Debug>(call: impl Future<Output = Result<Response<T>, Status>>) -> Reason {
    Error::from(call.await.expect_err("the call is refused")).reason
}

impl Auth {
    pub async fn on(store: &Store) -> Self {
        Self::with_clock(store, Arc::new(ManualClock::at(START))).await
    }

    pub async fn with_clock(store: &Store, clock: Arc<ManualClock>) -> Self {
        let bus = Arc::new(MemoryBus::new());
        let server = parlance_auth::start(Dependencies {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            master_key: MASTER_KEY,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
        .await
        .unwrap();
        let client =
            AuthClient::new(parlance_rpc::in_process(parlance_rpc::serve(server.clone(), None, None)));
        Self { client, clock, bus, store: store.clone(), server }
    }

    pub fn client(&self) -> AuthClient {
        self.client.clone()
    }

    /// A client from outside: whatever its metadata say, it is taken for `caller`.
    pub fn outside(&self, caller: Caller) -> AuthClient {
        let caller = Caller { trusted: false, ..caller };
        let authenticate: Authenticate = Arc::new(move |_| {
            let caller = caller.clone();
            Box::pin(async move { Ok(caller) })
        });
        let served = parlance_rpc::serve(self.server.clone(), Some(authenticate), None);
        AuthClient::new(BoxCloneSyncService::new(served.map_err(|never| match never {})))
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    pub async fn listen(&self) -> Listener {
        Listener::on(&*self.bus, &[Topic::Accounts, Topic::Log("auth")]).await
    }

    pub async fn app(&self) -> App {
        let created = self
            .client()
            .create_app(service(CreateAppRequest { name: "Test".into(), ..Default::default() }))
            .await
            .unwrap()
            .into_inner();
        App { id: created.app.unwrap().id.parse().unwrap(), api_key: created.api_key, secret: created.secret }
    }

    pub async fn user(&self, app: &App, id: &str) -> User {
        self.upsert(app, UserInput { id: id.into(), ..Default::default() }).await.user.unwrap()
    }

    /// Upserts one user as the app's backend.
    pub async fn upsert(&self, app: &App, item: UserInput) -> upsert_users_response::Result {
        let response =
            self.client().upsert_users(app.backend(UpsertUsersRequest { users: vec![item] })).await;
        response.unwrap().into_inner().results.remove(0)
    }

    pub async fn issue(&self, app: &App, user: &User) -> IssueTokensResponse {
        let request = IssueTokensRequest { user_num: user.num, ttl_s: TTL_S };
        self.client().issue_tokens(app.backend(request)).await.unwrap().into_inner()
    }

    pub async fn verify(&self, kind: TokenKind, token: &str) -> Result<VerifyTokenResponse, Reason> {
        let request = VerifyTokenRequest { token: token.into(), kind: kind.into() };
        match self.client().verify_token(service(request)).await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(Error::from(status).reason),
        }
    }

    pub async fn refresh(&self, token: &str) -> Result<IssueTokensResponse, Reason> {
        let request = RefreshTokensRequest { refresh_token: token.into(), ttl_s: TTL_S };
        match self.client().refresh_tokens(service(request)).await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(Error::from(status).reason),
        }
    }

    pub async fn get(&self, app: &App, ids: &[&str]) -> Vec<User> {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        let request = GetUsersRequest { nums: vec![], ids };
        self.client().get_users(app.backend(request)).await.unwrap().into_inner().users
    }

    pub async fn get_by_num(&self, app: &App, num: Num) -> Option<User> {
        let request = GetUsersRequest { nums: vec![num], ids: vec![] };
        self.client().get_users(app.backend(request)).await.unwrap().into_inner().users.pop()
    }

    pub async fn delete(&self, app: &App, ids: &[&str]) -> DeleteUsersResponse {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        self.client().delete_users(app.backend(DeleteUsersRequest { ids })).await.unwrap().into_inner()
    }

    /// Everything in the log.
    pub async fn log(&self) -> Vec<parlance_proto::event::Event> {
        let response = self.client().read_log(service(Default::default())).await.unwrap().into_inner();
        response.entries.into_iter().map(|entry| entry.event.unwrap()).collect()
    }

    /// Changes a row behind the service's back, for states that no call makes yet.
    pub async fn execute(&self, sql: &str) {
        let write = self.store.begin().await.unwrap();
        sea_orm::ConnectionTrait::execute_unprepared(write.connection(), sql).await.unwrap();
        drop(write.commit().await.unwrap());
    }
}

impl App {
    /// A request of the app's backend.
    pub fn backend<T>(&self, message: T) -> Request<T> {
        Context::new(Caller::app(self.id)).request(message)
    }

    /// A request of one of the app's users.
    pub fn user<T>(&self, num: Num, message: T) -> Request<T> {
        Context::new(Caller::user(self.id, num)).request(message)
    }

    /// A token as the app's backend signs it.
    pub fn mint(&self, claims: serde_json::Value) -> String {
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(self.secret.as_bytes()),
        )
        .unwrap()
    }
}

/// A request of a service that is bound to no app.
pub fn service<T>(message: T) -> Request<T> {
    Context::new(Caller::service(Uuid::nil())).request(message)
}

/// A request of a service about an app.
pub fn service_of<T>(app: &App, message: T) -> Request<T> {
    Context::new(Caller::service(app.id)).request(message)
}
