//! The keys of apps, kept in memory once opened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;
use parlance_core::{Error, Micros, Reason, Result};
use uuid::Uuid;

use crate::Auth;
use crate::domain::keys::{AppKeys, PreviousKeys, SigningKey};
use crate::store::apps;

/// Columns of the apps table, as the sealed secrets know them.
pub const ACCESS: &str = "access_secret";
pub const CONNECTION: &str = "connection_secret";

/// Apps whose keys are kept at a time.
const CAPACITY: u64 = 10_000;
/// How long keys are kept, so that another process's change is seen.
const KEPT: Duration = Duration::from_secs(5);
/// Keys at least this old are read anew for a token that they do not verify.
const STALE: Duration = Duration::from_secs(1);

/// What a column is called, to the sealed secrets, once it holds the secret before.
pub fn previous(column: &str) -> String {
    format!("previous_{column}")
}

pub struct Apps {
    keys: Cache<Uuid, Kept>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<AppKeys>,
    since: Instant,
}

impl Apps {
    pub fn new() -> Self {
        Self { keys: Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build() }
    }
}

/// The keys of an app; APP_NOT_FOUND if there is none. Apps that are not there are not remembered.
pub async fn keys(auth: &Auth, app: Uuid) -> Result<Arc<AppKeys>> {
    Ok(kept(auth, app).await?.keys)
}

/// The keys as they are now, if another process may have changed them since they were read: for a token
/// that was refused with what [`keys`] gave.
pub async fn newer_keys(auth: &Auth, app: Uuid) -> Result<Option<Arc<AppKeys>>> {
    if kept(auth, app).await?.since.elapsed() < STALE {
        return Ok(None);
    }
    forget(auth, app).await;
    keys(auth, app).await.map(Some)
}

/// Reads the keys anew when they are next asked for.
pub async fn forget(auth: &Auth, app: Uuid) {
    auth.apps.keys.invalidate(&app).await;
}

async fn kept(auth: &Auth, app: Uuid) -> Result<Kept> {
    auth.apps.keys.try_get_with(app, load(auth, app)).await.map_err(|error| (*error).clone())
}

async fn load(auth: &Auth, app: Uuid) -> Result<Kept> {
    let since = Instant::now();
    let row = apps::find(&auth.store, app)
        .await?
        .ok_or_else(|| Error::new(Reason::AppNotFound, "there is no such app"))?;
    let key = |column: &str, sealed: &[u8]| -> Result<SigningKey> {
        Ok(SigningKey::new(&auth.secrets.open(app, column, sealed)?))
    };
    let before = (row.previous_access_secret, row.previous_connection_secret, row.previous_until);
    let previous = match before {
        (Some(access), Some(connection), Some(until)) if Micros(until) > auth.clock.now() => {
            Some(PreviousKeys {
                access: key(&previous(ACCESS), &access)?,
                connection: key(&previous(CONNECTION), &connection)?,
                until: Micros(until),
            })
        }
        _ => None,
    };
    let keys = AppKeys {
        access: key(ACCESS, &row.access_secret)?,
        connection: key(CONNECTION, &row.connection_secret)?,
        previous,
    };
    Ok(Kept { keys: Arc::new(keys), since })
}
