//! The push services of apps: read from the tables, opened, built, and kept while they do not change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parlance_core::{Error, Result};
use parlance_proto::notification::ProviderKind;
use parlance_seal::SecretBox;
use parlance_sql::Store;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ProviderFactory;
use crate::providers::Provider;
use crate::store::providers::{self, ProviderRow};

/// How long a change that was made through another replica may stay unknown here.
const KEPT: Duration = Duration::from_secs(30);
const APPS: u64 = 10_000;
/// A push service that nothing was sent through for this long is let go.
const IDLE: Duration = Duration::from_secs(3600);

/// The push services that an app has set up.
pub struct Kinds(BTreeMap<i16, ProviderRow>);

impl Kinds {
    /// The one of this kind, if it is switched on.
    pub fn enabled(&self, kind: ProviderKind) -> Option<&ProviderRow> {
        self.0.get(&(kind as i16)).filter(|row| row.enabled)
    }

    /// Whether there is one that is switched on.
    pub fn any(&self) -> bool {
        self.0.values().any(|row| row.enabled)
    }

    /// Who delivers to a device: Novu, where the app has it, for the tokens that it hands on; else the
    /// device's own push service. `None` = nobody.
    pub fn for_device(&self, kind: ProviderKind) -> Option<ProviderKind> {
        let by_novu = matches!(kind, ProviderKind::Fcm | ProviderKind::Apns | ProviderKind::Expo);
        if by_novu && self.enabled(ProviderKind::Novu).is_some() {
            return Some(ProviderKind::Novu);
        }
        self.enabled(kind).map(|_| kind)
    }
}

/// A push service of an app, as far as there is one.
pub enum Found {
    Ready(Arc<dyn Provider>),
    /// The app has none, or has switched it off.
    Missing,
    /// It cannot be built of what is kept.
    Broken(Error),
}

/// Built push services by app, kind and version.
type Built = Cache<(Uuid, i16, i64), Arc<dyn Provider>>;

pub struct AppProviders {
    store: Store,
    secrets: SecretBox,
    factory: ProviderFactory,
    kinds: Cache<Uuid, Arc<Kinds>>,
    built: Built,
}

impl AppProviders {
    pub fn new(store: Store, master_key: &[u8; 32], factory: ProviderFactory) -> Self {
        Self {
            store,
            secrets: SecretBox::new(master_key),
            factory,
            kinds: Cache::builder().max_capacity(APPS).time_to_live(KEPT).build(),
            built: Cache::builder().max_capacity(APPS).time_to_idle(IDLE).build(),
        }
    }

    /// What the app has set up.
    pub async fn of(&self, app: Uuid) -> Result<Arc<Kinds>> {
        let load = async {
            let rows = providers::of_app(self.store.read(), app).await?;
            Ok(Arc::new(Kinds(rows.into_iter().map(|row| (row.kind, row)).collect())))
        };
        self.kinds.try_get_with(app, load).await.map_err(|error: Arc<Error>| (*error).clone())
    }

    /// The built push service of a kind. An error is one of the store, and says nothing of the push service.
    pub async fn get(&self, app: Uuid, kind: ProviderKind) -> Result<Found> {
        let kinds = self.of(app).await?;
        let Some(row) = kinds.enabled(kind) else { return Ok(Found::Missing) };
        let build = async {
            let secrets = self.open(app, kind, &row.secrets)?;
            (self.factory)(kind, &object("settings", &row.settings)?, &secrets)
        };
        let built = self.built.try_get_with((app, row.kind, row.version), build).await;
        Ok(built.map_or_else(|error: Arc<Error>| Found::Broken((*error).clone()), Found::Ready))
    }

    /// Builds what is about to be stored, to find out whether it can be built.
    pub fn check(
        &self,
        kind: ProviderKind,
        settings: &Map<String, Value>,
        secrets: &Map<String, Value>,
    ) -> Result<()> {
        (self.factory)(kind, settings, secrets).map(drop)
    }

    /// After a change.
    pub async fn forget(&self, app: Uuid) {
        self.kinds.invalidate(&app).await;
    }

    pub fn seal(&self, app: Uuid, kind: ProviderKind, secrets: &Map<String, Value>) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(secrets).map_err(|_| Error::internal("secrets are not JSON"))?;
        self.secrets.seal(app, &place(kind), &text)
    }

    pub fn open(&self, app: Uuid, kind: ProviderKind, sealed: &[u8]) -> Result<Map<String, Value>> {
        let text = self.secrets.open(app, &place(kind), sealed)?;
        // The cause would show a part of the text.
        serde_json::from_slice(&text).map_err(|_| Error::internal("sealed secrets are not JSON"))
    }
}

/// What the sealed secrets of a kind are called.
fn place(kind: ProviderKind) -> String {
    format!("notification.{}", kind.as_str_name())
}

/// A JSON object out of a text; empty = {}.
pub fn object(field: &str, text: &str) -> Result<Map<String, Value>> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Error::invalid(field, "must be a JSON object")),
    }
}
