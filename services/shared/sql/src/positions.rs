//! How far a consumer has come in another service's log.

use parlance_core::Result;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, Set, Statement, entity::prelude::*, sea_query::OnConflict,
};
use sea_orm_migration::prelude::{ColumnDef, SchemaManager, Table};

use crate::{Store, Write, store_error};

mod entity {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "consumer_positions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub service: String,
        pub position: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Creates the table; called by the first migration of a service that consumes facts.
pub async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("consumer_positions")
                .col(ColumnDef::new("service").string().not_null().primary_key())
                .col(ColumnDef::new("position").big_integer().not_null())
                .to_owned(),
        )
        .await
}

/// Makes sure that the consumer has a position to lock.
pub async fn prepare(store: &Store, service: &str) -> Result<()> {
    begin_at(store, service, 0).await
}

/// Whether the consumer has a position: it has been at work before.
pub async fn exists(store: &Store, service: &str) -> Result<bool> {
    Ok(row(store.read(), service).await?.is_some())
}

/// Gives a consumer its first position; one that is there stays.
pub async fn begin_at(store: &Store, service: &str, position: u64) -> Result<()> {
    if exists(store, service).await? {
        return Ok(());
    }
    let write = store.begin().await?;
    let row = entity::ActiveModel { service: Set(service.to_owned()), position: Set(position as i64) };
    entity::Entity::insert(row)
        .on_conflict(OnConflict::column(entity::Column::Service).do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    drop(write.commit().await?);
    Ok(())
}

/// The position, kept from other replicas until the transaction ends. `None` = another one has it: its
/// work is not done yet.
pub async fn lock(write: &Write, service: &str) -> Result<Option<u64>> {
    let skip_locked = match write.backend() {
        DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    };
    let select = Statement::from_sql_and_values(
        write.backend(),
        format!("SELECT position FROM consumer_positions WHERE service = $1{skip_locked}"),
        [service.into()],
    );
    let row = write.connection().query_one_raw(select).await.map_err(store_error)?;
    let position = row.map(|row| row.try_get::<i64>("", "position")).transpose().map_err(store_error)?;
    Ok(position.map(|position| position as u64))
}

async fn row(connection: &impl ConnectionTrait, service: &str) -> Result<Option<entity::Model>> {
    entity::Entity::find_by_id(service).one(connection).await.map_err(store_error)
}

/// Position up to which `service`'s log has been consumed; 0 = nothing yet.
pub async fn load(store: &Store, service: &str) -> Result<u64> {
    Ok(row(store.read(), service).await?.map_or(0, |row| row.position as u64))
}

/// Records the position together with what consuming did.
pub async fn save(write: &Write, service: &str, position: u64) -> Result<()> {
    let row = entity::ActiveModel { service: Set(service.to_owned()), position: Set(position as i64) };
    entity::Entity::insert(row)
        .on_conflict(
            OnConflict::column(entity::Column::Service).update_column(entity::Column::Position).to_owned(),
        )
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}
