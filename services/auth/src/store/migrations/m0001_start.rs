//! Apps, API keys, users, sessions and the outbox.

use parlance_sql::outbox;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_apps(manager).await?;
        create_api_keys(manager).await?;
        create_users(manager).await?;
        create_sessions(manager).await?;
        outbox::create_table(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["outbox", "sessions", "users", "api_keys", "apps"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

async fn create_apps(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("apps")
                .col(ColumnDef::new("num").big_integer().not_null().primary_key())
                .col(ColumnDef::new("id").uuid().not_null().unique_key())
                .col(text("name"))
                .col(ColumnDef::new("access_secret").binary().not_null())
                .col(ColumnDef::new("connection_secret").binary().not_null())
                .col(number("created_at"))
                .to_owned(),
        )
        .await
}

async fn create_api_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("api_keys")
                .col(ColumnDef::new("key_hash").text().not_null().primary_key())
                .col(ColumnDef::new("app").uuid().not_null())
                .col(ColumnDef::new("kind").small_integer().not_null())
                .col(text("key_id"))
                .col(number("created_at"))
                .col(ColumnDef::new("revoked_at").big_integer())
                .to_owned(),
        )
        .await
}

async fn create_users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("users")
                .col(ColumnDef::new("num").big_integer().not_null().primary_key())
                .col(ColumnDef::new("app").uuid().not_null())
                .col(ordered_text(manager, "id"))
                .col(ColumnDef::new("kind").small_integer().not_null())
                .col(text("name"))
                .col(text("email"))
                .col(text("image"))
                .col(text("role"))
                .col(text("teams"))
                .col(text("custom"))
                .col(number("created_at"))
                .col(number("updated_at"))
                .col(ColumnDef::new("deactivated_at").big_integer())
                .col(ColumnDef::new("deleted_at").big_integer())
                .col(ColumnDef::new("tokens_valid_after").big_integer())
                .col(ColumnDef::new("last_active_at").big_integer())
                .col(ordered_text(manager, "id_key"))
                .col(ordered_text(manager, "name_key"))
                .col(ordered_text(manager, "name_compact"))
                .to_owned(),
        )
        .await?;
    // Ids are unique among live users; names serve lists and mentions.
    let live = || Expr::col("deleted_at").is_null();
    let index = |name: &'static str, columns: &[&'static str]| {
        let mut index = Index::create().name(name).table("users").to_owned();
        for column in columns {
            index.col(*column);
        }
        index.and_where(live()).to_owned()
    };
    for index in [
        index("users_app_id", &["app", "id"]).unique().to_owned(),
        index("users_app_name_key", &["app", "name_key", "id"]),
        index("users_app_name_compact", &["app", "name_compact"]),
        index("users_app_id_key", &["app", "id_key"]),
    ] {
        manager.create_index(index).await?;
    }
    Ok(())
}

async fn create_sessions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("sessions")
                .col(ColumnDef::new("id").uuid().not_null().primary_key())
                .col(ColumnDef::new("app").uuid().not_null())
                .col(number("user_num"))
                .col(text("refresh_hash"))
                .col(text("rotations"))
                .col(number("expires_at"))
                .col(number("purge_at"))
                .col(number("created_at"))
                .col(ColumnDef::new("revoked_at").big_integer())
                .to_owned(),
        )
        .await?;
    for (name, column) in [("sessions_user_num", "user_num"), ("sessions_purge_at", "purge_at")] {
        manager.create_index(Index::create().name(name).table("sessions").col(column).to_owned()).await?;
    }
    Ok(())
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

/// Text that sorts by bytes on PostgreSQL too, as it does on SQLite.
fn ordered_text(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = text(name);
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}
