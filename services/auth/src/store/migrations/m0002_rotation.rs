//! API keys that stop at a time, and the secrets that an app had before, for as long as they count.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Table, column: all may be absent.
const TIMES: [(&str, &str); 2] = [("api_keys", "expires_at"), ("apps", "previous_until")];
const SEALED: [(&str, &str); 2] =
    [("apps", "previous_access_secret"), ("apps", "previous_connection_secret")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let times = TIMES.map(|(table, column)| (table, ColumnDef::new(column).big_integer().to_owned()));
        let sealed = SEALED.map(|(table, column)| (table, ColumnDef::new(column).binary().to_owned()));
        for (table, mut column) in times.into_iter().chain(sealed) {
            manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
        }
        // Rotation asks for the keys of an app.
        let index = Index::create().name("api_keys_app").table("api_keys").col("app").to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("api_keys_app").table("api_keys").to_owned()).await?;
        for (table, column) in TIMES.into_iter().chain(SEALED) {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
