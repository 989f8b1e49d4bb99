//! The push services that apps have set up.

use parlance_core::{Micros, Result};
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{execute, for_update, placeholders, query, query_one};

/// A push service of an app. `version` is another one after every change.
#[derive(Clone, FromQueryResult)]
pub struct ProviderRow {
    pub app: Uuid,
    pub kind: i16,
    pub settings: String,
    /// Sealed under the master key.
    pub secrets: Vec<u8>,
    /// Web Push: what browsers subscribe with.
    pub public_key: Option<Vec<u8>>,
    pub enabled: bool,
    pub version: i64,
    pub updated_at: i64,
}

impl ProviderRow {
    pub fn updated_at(&self) -> Micros {
        Micros(self.updated_at)
    }
}

const COLUMNS: &str = "app, kind, settings, secrets, public_key, enabled, version, updated_at";

/// All of an app, by kind.
pub async fn of_app(connection: &impl ConnectionTrait, app: Uuid) -> Result<Vec<ProviderRow>> {
    let sql = format!("SELECT {COLUMNS} FROM providers WHERE app = $1 ORDER BY kind");
    query(connection, sql, vec![app.into()]).await
}

/// One of an app, kept from others until the transaction ends.
pub async fn lock(connection: &impl ConnectionTrait, app: Uuid, kind: i16) -> Result<Option<ProviderRow>> {
    let suffix = for_update(connection.get_database_backend());
    let sql = format!("SELECT {COLUMNS} FROM providers WHERE app = $1 AND kind = $2{suffix}");
    query_one(connection, sql, vec![app.into(), kind.into()]).await
}

/// Adds or replaces one.
pub async fn save(connection: &impl ConnectionTrait, row: &ProviderRow) -> Result<()> {
    let sql = format!(
        "INSERT INTO providers ({COLUMNS}) VALUES ({}) ON CONFLICT (app, kind) DO UPDATE SET \
         settings = excluded.settings, secrets = excluded.secrets, public_key = excluded.public_key, \
         enabled = excluded.enabled, version = excluded.version, updated_at = excluded.updated_at",
        placeholders(1, 8)
    );
    let values = vec![
        row.app.into(),
        row.kind.into(),
        row.settings.clone().into(),
        row.secrets.clone().into(),
        row.public_key.clone().into(),
        row.enabled.into(),
        row.version.into(),
        row.updated_at.into(),
    ];
    execute(connection, sql, values).await?;
    Ok(())
}

/// Removes one; false = there was none.
pub async fn remove(connection: &impl ConnectionTrait, app: Uuid, kind: i16) -> Result<bool> {
    let sql = "DELETE FROM providers WHERE app = $1 AND kind = $2";
    Ok(execute(connection, sql, vec![app.into(), kind.into()]).await? > 0)
}
