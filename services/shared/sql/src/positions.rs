//! How far a consumer has come in another service's log.

use parlance_core::Result;
use sea_orm::{EntityTrait, Set, entity::prelude::*, sea_query::OnConflict};
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

/// Position up to which `service`'s log has been consumed; 0 = nothing yet.
pub async fn load(store: &Store, service: &str) -> Result<u64> {
    let row = entity::Entity::find_by_id(service).one(store.read()).await.map_err(store_error)?;
    Ok(row.map_or(0, |row| row.position as u64))
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
