//! Sessions: what refresh tokens and the `sid` of tokens refer to.

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, JoinType, Query};
use sea_orm::{ExprTrait as _, FromQueryResult, IntoActiveModel as _, QuerySelect};
use uuid::Uuid;

use super::users;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub app: Uuid,
    pub user_num: i64,
    /// SHA-256 of the newest refresh secret; empty once revoked.
    pub refresh_hash: String,
    /// Times of the latest rotations, newest first, as a JSON array of microseconds.
    pub rotations: String,
    /// When the newest refresh token expires.
    pub expires_at: i64,
    /// When nothing refers to the session any more.
    pub purge_at: i64,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub fn rotation_times(&self) -> Vec<i64> {
        // Only this service writes the column; what cannot be read grants no grace.
        serde_json::from_str(&self.rotations).unwrap_or_default()
    }
}

pub async fn insert(write: &Write, session: Model) -> Result<()> {
    Entity::insert(session.into_active_model())
        .exec_without_returning(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// The session, locked until the transaction ends. Ids are unique across apps.
pub async fn lock(write: &Write, id: Uuid) -> Result<Option<Model>> {
    Entity::find_by_id(id).lock_exclusive().one(write.connection()).await.map_err(store_error)
}

/// Moves the session to its next refresh secret.
pub async fn rotate(
    write: &Write,
    id: Uuid,
    refresh_hash: String,
    rotations: &[i64],
    expires_at: Micros,
    purge_at: Micros,
) -> Result<()> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .col_expr(Column::RefreshHash, Expr::val(refresh_hash))
        .col_expr(Column::Rotations, Expr::val(serde_json::Value::from(rotations).to_string()))
        .col_expr(Column::ExpiresAt, Expr::val(expires_at.0))
        .col_expr(Column::PurgeAt, Expr::val(purge_at.0))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Keeps the session known for as long as a token that was just issued lives.
pub async fn keep_until(write: &Write, id: Uuid, purge_at: Micros) -> Result<()> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .filter(Column::PurgeAt.lt(purge_at.0))
        .col_expr(Column::PurgeAt, Expr::val(purge_at.0))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

pub async fn revoke(write: &Write, id: Uuid, now: Micros) -> Result<()> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .col_expr(Column::RefreshHash, Expr::val(""))
        .col_expr(Column::RevokedAt, Expr::val(now.0))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Ends all sessions of users.
pub async fn revoke_all_of(write: &Write, app: Uuid, users: &[Num], now: Micros) -> Result<()> {
    Entity::update_many()
        .filter(Column::App.eq(app))
        .filter(Column::UserNum.is_in(users.iter().copied()))
        .filter(Column::RevokedAt.is_null())
        .col_expr(Column::RefreshHash, Expr::val(""))
        .col_expr(Column::RevokedAt, Expr::val(now.0))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// A session and its user, as far as they decide whether a token counts.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Standing {
    pub num: i64,
    pub user_id: String,
    pub revoked_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub deactivated_at: Option<i64>,
    pub tokens_valid_after: Option<i64>,
}

/// Sessions with their users in one statement; sessions that an app does not have are left out.
pub async fn standings(store: &Store, wanted: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Standing)>> {
    let mut ids: Vec<Uuid> = wanted.iter().map(|(_, id)| *id).collect();
    // Few lengths, so that few statements are prepared.
    if let Some(last) = ids.last().copied() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    let select = Query::select()
        .expr_as(Expr::col((Entity, Column::Id)), "session_id")
        .expr_as(Expr::col((Entity, Column::App)), "session_app")
        .column((users::Entity, users::Column::Num))
        .expr_as(Expr::col((users::Entity, users::Column::Id)), "user_id")
        .column((Entity, Column::RevokedAt))
        .column((users::Entity, users::Column::DeletedAt))
        .column((users::Entity, users::Column::DeactivatedAt))
        .column((users::Entity, users::Column::TokensValidAfter))
        .from(Entity)
        .join(
            JoinType::InnerJoin,
            users::Entity,
            Expr::col((users::Entity, users::Column::Num)).equals((Entity, Column::UserNum)),
        )
        .and_where(Expr::col((Entity, Column::Id)).is_in(ids))
        .and_where(Expr::col((users::Entity, users::Column::App)).equals((Entity, Column::App)))
        .to_owned();
    let rows = store.read().query_all(&select).await.map_err(store_error)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let id: Uuid = row.try_get("", "session_id").map_err(store_error)?;
        let app: Uuid = row.try_get("", "session_app").map_err(store_error)?;
        if wanted.contains(&(app, id)) {
            found.push((id, Standing::from_query_result(&row, "").map_err(store_error)?));
        }
    }
    Ok(found)
}

/// Removes sessions that nothing refers to any more; gives their number.
pub async fn purge(write: &Write, now: Micros) -> Result<u64> {
    Entity::delete_many()
        .filter(Column::PurgeAt.lt(now.0))
        .exec(write.connection())
        .await
        .map(|deleted| deleted.rows_affected)
        .map_err(store_error)
}
