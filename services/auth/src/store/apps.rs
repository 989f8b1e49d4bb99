//! Apps: the tenants.

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DbBackend, IntoActiveModel as _, QueryOrder, QuerySelect};
use uuid::Uuid;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "apps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub num: i64,
    #[sea_orm(unique)]
    pub id: Uuid,
    pub name: String,
    /// Sealed under the master key.
    pub access_secret: Vec<u8>,
    /// Sealed under the master key.
    pub connection_secret: Vec<u8>,
    pub created_at: i64,
    /// The secrets before, sealed, and until when tokens of theirs count.
    pub previous_access_secret: Option<Vec<u8>>,
    pub previous_connection_secret: Option<Vec<u8>>,
    pub previous_until: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

/// A new app, its secrets already sealed.
pub struct NewApp {
    pub num: Num,
    pub id: Uuid,
    pub name: String,
    pub access_secret: Vec<u8>,
    pub connection_secret: Vec<u8>,
    pub created_at: Micros,
}

/// Adds an app; false if the id is taken.
pub async fn insert(write: &Write, app: NewApp) -> Result<bool> {
    let row = Model {
        num: app.num,
        id: app.id,
        name: app.name,
        access_secret: app.access_secret,
        connection_secret: app.connection_secret,
        created_at: app.created_at.0,
        previous_access_secret: None,
        previous_connection_secret: None,
        previous_until: None,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map(|inserted| inserted > 0)
        .map_err(store_error)
}

/// Whether there is any app. Others that ask in a transaction wait until this one ends.
pub async fn any(write: &Write) -> Result<bool> {
    if write.backend() == DbBackend::Postgres {
        let lock = "LOCK TABLE apps IN SHARE ROW EXCLUSIVE MODE";
        write.connection().execute_unprepared(lock).await.map_err(store_error)?;
    }
    let first = Entity::find().limit(1).one(write.connection()).await.map_err(store_error)?;
    Ok(first.is_some())
}

pub async fn find(store: &Store, id: Uuid) -> Result<Option<Model>> {
    Entity::find().filter(Column::Id.eq(id)).one(store.read()).await.map_err(store_error)
}

/// The app's row, for the transaction alone.
pub async fn lock(write: &Write, id: Uuid) -> Result<Option<Model>> {
    let mut find = Entity::find().filter(Column::Id.eq(id));
    if write.backend() == DbBackend::Postgres {
        find = find.lock_exclusive();
    }
    find.one(write.connection()).await.map_err(store_error)
}

/// New secrets and those before, all sealed.
pub struct Rotated {
    pub access_secret: Vec<u8>,
    pub connection_secret: Vec<u8>,
    pub previous_access_secret: Vec<u8>,
    pub previous_connection_secret: Vec<u8>,
    pub previous_until: Micros,
}

/// Changes the secrets of an app.
pub async fn rotate(write: &Write, id: Uuid, secrets: Rotated) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::AccessSecret, Expr::value(secrets.access_secret))
        .col_expr(Column::ConnectionSecret, Expr::value(secrets.connection_secret))
        .col_expr(Column::PreviousAccessSecret, Expr::value(secrets.previous_access_secret))
        .col_expr(Column::PreviousConnectionSecret, Expr::value(secrets.previous_connection_secret))
        .col_expr(Column::PreviousUntil, Expr::value(secrets.previous_until.0))
        .filter(Column::Id.eq(id))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// All apps, oldest first.
pub async fn list(store: &Store) -> Result<Vec<Model>> {
    Entity::find().order_by_asc(Column::Num).all(store.read()).await.map_err(store_error)
}
