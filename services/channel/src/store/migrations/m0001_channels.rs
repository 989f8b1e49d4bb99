use parlance_sql::{outbox, positions};
use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_channels"
    }
}

/// Partial indexes, in words that both databases know. What must be unique is so among live channels,
/// so that a deleted channel's name, pair and keys are free again. The app comes last in them: SQLite
/// would otherwise answer questions about some nums by walking through all channels of the app.
const INDEXES: [&str; 7] = [
    "CREATE UNIQUE INDEX channels_id ON channels (id, type, app) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX channels_cid ON channels (cid, app) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX channels_distinct ON channels (distinct_key, app) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX channels_idempotency ON channels (idempotency_key, creator_num, app) \
     WHERE deleted_at IS NULL",
    "CREATE INDEX channels_listing ON channels (app, last_message_at DESC, created_at DESC, num) \
     WHERE discoverable AND deleted_at IS NULL",
    "CREATE INDEX members_user ON members (user_num, channel_num)",
    "CREATE INDEX members_order ON members (channel_num, rank DESC, joined_at, user_num)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(channel_types()).await?;
        manager.create_table(channels()).await?;
        manager.create_table(members()).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        outbox::create_table(manager).await?;
        positions::create_table(manager).await
    }
}

fn channel_types() -> TableCreateStatement {
    Table::create()
        .table("channel_types")
        .col(ColumnDef::new("app").uuid().not_null())
        .col(text("name"))
        .col(text("features"))
        .col(text("grants"))
        .col(text("readers"))
        .col(text("joiners"))
        .col(flag("direct"))
        .primary_key(Index::create().col("app").col("name"))
        .to_owned()
}

fn channels() -> TableCreateStatement {
    Table::create()
        .table("channels")
        .col(ColumnDef::new("num").big_integer().not_null().primary_key())
        .col(ColumnDef::new("app").uuid().not_null())
        .col(text("type"))
        .col(ColumnDef::new("id").text())
        .col(text("cid"))
        .col(ColumnDef::new("distinct_key").text())
        .col(ColumnDef::new("idempotency_key").text())
        .col(text("name"))
        .col(text("description"))
        .col(text("image"))
        .col(text("config"))
        .col(ColumnDef::new("workspace_num").big_integer())
        .col(ColumnDef::new("team").text())
        .col(number("creator_num"))
        .col(flag("frozen"))
        .col(ColumnDef::new("cooldown_s").integer().not_null())
        .col(number("truncated_before_seq"))
        .col(ColumnDef::new("member_count").integer().not_null())
        .col(number("last_seq"))
        .col(number("last_message_at"))
        .col(number("policy_version"))
        .col(text("custom"))
        .col(flag("discoverable"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .col(ColumnDef::new("deleted_at").big_integer())
        .to_owned()
}

fn members() -> TableCreateStatement {
    Table::create()
        .table("members")
        .col(number("channel_num"))
        .col(number("user_num"))
        .col(ColumnDef::new("app").uuid().not_null())
        .col(text("role"))
        .col(ColumnDef::new("rank").integer().not_null())
        .col(text("status"))
        .col(number("joined_seq"))
        .col(number("visible_from_seq"))
        .col(ColumnDef::new("muted_until").big_integer())
        .col(flag("starred"))
        .col(flag("pinned"))
        .col(flag("hidden"))
        .col(flag("archived"))
        .col(ColumnDef::new("banned_until").big_integer())
        .col(flag("shadow_banned"))
        .col(text("custom"))
        .col(number("joined_at"))
        .col(number("updated_at"))
        .primary_key(Index::create().col("channel_num").col("user_num"))
        .to_owned()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().to_owned()
}
