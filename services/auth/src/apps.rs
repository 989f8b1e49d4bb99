//! The keys of apps, kept in memory once opened.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parlance_core::{Error, Reason, Result};
use uuid::Uuid;

use crate::domain::keys::{AppKeys, SigningKey};
use crate::store::apps;
use crate::{Auth, domain};

/// Columns of the apps table, as the sealed secrets know them.
pub const ACCESS: &str = "access_secret";
pub const CONNECTION: &str = "connection_secret";

/// Apps whose keys are kept at a time.
const CAPACITY: u64 = 10_000;
/// How long keys are kept, so that another process's change is seen.
const KEPT: Duration = Duration::from_secs(300);

pub struct Apps {
    keys: Cache<Uuid, Arc<AppKeys>>,
}

impl Apps {
    pub fn new() -> Self {
        Self { keys: Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build() }
    }
}

/// The keys of an app; APP_NOT_FOUND if there is none. Apps that are not there are not remembered.
pub async fn keys(auth: &Auth, app: Uuid) -> Result<Arc<AppKeys>> {
    auth.apps.keys.try_get_with(app, load(auth, app)).await.map_err(|error| (*error).clone())
}

async fn load(auth: &Auth, app: Uuid) -> Result<Arc<AppKeys>> {
    let row = apps::find(&auth.store, app)
        .await?
        .ok_or_else(|| Error::new(Reason::AppNotFound, "there is no such app"))?;
    let key = |column: &str, sealed: &[u8]| -> Result<SigningKey> {
        Ok(SigningKey::new(&auth.secrets.open(app, column, sealed)?))
    };
    Ok(Arc::new(domain::keys::AppKeys {
        access: key(ACCESS, &row.access_secret)?,
        connection: key(CONNECTION, &row.connection_secret)?,
    }))
}
