//! Apps: the development app of an empty store, and the tools that make and list apps.

use std::sync::Arc;

use anyhow::bail;
use parlance_bus::MemoryBus;
use parlance_core::{Caller, Error, Reason, SystemClock};
use parlance_proto::auth::{App, CreateAppRequest, CreateAppResponse, ListAppsRequest};
use parlance_rpc::{AuthClient, Context, in_process, serve};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::role::Role;
use crate::{master_key, stores};

/// The development app; its key and secret are known to everybody.
pub const DEV_APP: &str = "00000000-0000-0000-0000-000000000001";
pub const DEV_API_KEY: &str = "dev-api-key";
pub const DEV_SECRET: &str = "dev-api-secret";

/// Makes the development app in an empty store, where nobody but this machine (or whoever asked for
/// `--dev`) can use it; refuses to go into production with it. Says whether it exists.
pub(crate) async fn prepare(config: &Config, auth: &AuthClient) -> anyhow::Result<bool> {
    if config.is_development() {
        let request = CreateAppRequest {
            name: "Development".to_owned(),
            id: DEV_APP.to_owned(),
            api_key: DEV_API_KEY.to_owned(),
            secret: DEV_SECRET.to_owned(),
            only_if_empty: true,
        };
        match auth.clone().create_app(service(request)).await.map_err(Error::from) {
            Ok(_) => tracing::info!(app = DEV_APP, "made the development app"),
            Err(error) if error.reason == Reason::NotEmpty => {}
            Err(error) => return Err(error.into()),
        }
    }
    let exists = apps(auth).await?.iter().any(|app| app.id == DEV_APP);
    if exists && config.production {
        bail!(
            "production = true, but this store holds the development app {DEV_APP}, whose key everybody \
             knows; start with an empty store and make an app with `parlance app create --name NAME`"
        );
    }
    if exists && !config.dev && !config.is_on_loopback() {
        tracing::warn!(
            app = DEV_APP,
            "the development app is reachable from other machines; its key is public"
        );
    }
    Ok(exists)
}

/// Makes an app. The key and the secret in the answer are shown this once.
pub async fn create(config: &Config, name: &str) -> anyhow::Result<CreateAppResponse> {
    let request = CreateAppRequest { name: name.to_owned(), ..CreateAppRequest::default() };
    with_auth(config, async |mut auth| Ok(auth.create_app(service(request)).await?.into_inner())).await
}

/// All apps.
pub async fn list(config: &Config) -> anyhow::Result<Vec<App>> {
    with_auth(config, async |auth| apps(&auth).await).await
}

async fn apps(auth: &AuthClient) -> anyhow::Result<Vec<App>> {
    let answer = auth.clone().list_apps(service(ListAppsRequest {})).await.map_err(Error::from)?;
    Ok(answer.into_inner().apps)
}

/// A request of no particular app.
fn service<T>(message: T) -> tonic::Request<T> {
    Context::new(Caller::service(Uuid::nil())).request(message)
}

/// Runs the auth service for a moment. A server may run on the same data: the store has its own locks.
pub(crate) async fn with_auth<T>(
    config: &Config,
    work: impl AsyncFnOnce(AuthClient) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let in_settings = config.database_url(Role::Auth).is_some() && config.auth.master_key.expose().is_some();
    let data = if in_settings { None } else { Some(DataDir::open(&config.data_dir)?) };
    let store = stores::open_auth(config, data.as_ref()).await?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let server = parlance_auth::start(parlance_auth::Dependencies {
        store: store.clone(),
        bus: Arc::new(MemoryBus::new()),
        clock: Arc::new(SystemClock),
        master_key: master_key::load(config, data.as_ref())?,
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?;
    let outcome = work(AuthClient::new(in_process(serve(server, None, None)))).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    outcome
}
