//! API keys, found by hash only.

use parlance_core::{Micros, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait as _, IntoActiveModel as _};
use uuid::Uuid;

use crate::domain::api_key::Kind;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// SHA-256 of the key in hexadecimal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_hash: String,
    pub app: Uuid,
    pub kind: i16,
    /// Name of the key that is safe to log.
    pub key_id: String,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
    /// From then on the key counts no more.
    pub expires_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Adds a key; false if it is taken.
pub async fn insert(
    write: &Write,
    app: Uuid,
    key_hash: String,
    kind: Kind,
    key_id: String,
    now: Micros,
) -> Result<bool> {
    let row = Model {
        key_hash,
        app,
        kind: kind as i16,
        key_id,
        created_at: now.0,
        revoked_at: None,
        expires_at: None,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::KeyHash).do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map(|inserted| inserted > 0)
        .map_err(store_error)
}

/// Lets the app's valid keys of a kind run out at `until`, unless they do so earlier. Says how many.
pub async fn expire(write: &Write, app: Uuid, kind: Kind, now: Micros, until: Micros) -> Result<u32> {
    let later = Column::ExpiresAt.is_null().or(Column::ExpiresAt.gt(until.0));
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(until.0))
        .filter(Column::App.eq(app))
        .filter(Column::Kind.eq(kind as i16))
        .filter(later)
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    let expiring = Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::Kind.eq(kind as i16))
        .filter(Column::RevokedAt.is_null())
        // Those that stop at this moment are told of as well.
        .filter(Column::ExpiresAt.gte(now.0))
        .count(write.connection())
        .await
        .map_err(store_error)?;
    Ok(u32::try_from(expiring).unwrap_or(u32::MAX))
}

/// The key with this hash, unless it is revoked or has expired.
pub async fn find_valid(store: &Store, key_hash: &str, now: Micros) -> Result<Option<Model>> {
    Entity::find_by_id(key_hash)
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.is_null().or(Column::ExpiresAt.gt(now.0)))
        .one(store.read())
        .await
        .map_err(store_error)
}
