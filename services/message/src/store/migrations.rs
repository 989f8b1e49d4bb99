use sea_orm_migration::prelude::*;

/// The message service's migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Initial), Box::new(Replicas), Box::new(LinkPreviews)]
    }
}

struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let create = |table: &'static str| Table::create().table(table).to_owned();
        let big = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
        let big_or_null = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        let flag = |name: &'static str| ColumnDef::new(name).boolean().not_null().to_owned();
        let text = |name: &'static str| ColumnDef::new(name).text().not_null().to_owned();
        let text_or_null = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let app = || ColumnDef::new("app").uuid().not_null().to_owned();

        manager.create_table(create("log_epoch").col(text("epoch").primary_key()).to_owned()).await?;

        manager
            .create_table(
                create("stream_heads")
                    .col(big("stream").primary_key())
                    .col(app())
                    .col(big("last_offset"))
                    .col(big("last_seq"))
                    .col(big("counted"))
                    .col(big("message_count"))
                    .col(big("last_num"))
                    .col(big("last_at"))
                    .col(big("policy_version"))
                    .col(big("member_count"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                create("stream_entries")
                    .col(ColumnDef::new("position").big_integer().not_null().auto_increment().primary_key())
                    .col(big("stream"))
                    .col(big("stream_offset"))
                    .col(app())
                    .col(ColumnDef::new("event").binary().not_null())
                    .col(big("at"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                create("messages")
                    .col(big("num").primary_key())
                    .col(app())
                    .col(text_or_null("id"))
                    .col(big("channel_num"))
                    .col(big("seq"))
                    .col(ColumnDef::new("kind").small_integer().not_null())
                    .col(big("author_num"))
                    .col(text_or_null("dedup_key"))
                    .col(text_or_null("client_message_id"))
                    .col(big("parent_num"))
                    .col(text_or_null("parent_id"))
                    .col(big("quoted_num"))
                    .col(text_or_null("quoted_id"))
                    .col(flag("in_main"))
                    .col(flag("counted"))
                    .col(big("running"))
                    .col(text("body"))
                    .col(ColumnDef::new("attachments").binary())
                    .col(text_or_null("mentions"))
                    .col(text_or_null("custom"))
                    .col(big("created_at"))
                    .col(big("updated_at"))
                    .col(big_or_null("edited_at"))
                    .col(big_or_null("deleted_at"))
                    .col(big_or_null("changed_at"))
                    .col(big_or_null("pinned_at"))
                    .col(big_or_null("pinned_by"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                create("reactions")
                    .col(big("message_num"))
                    .col(text("type"))
                    .col(big("user_num"))
                    .col(app())
                    .col(big("channel_num"))
                    .col(ColumnDef::new("score").integer().not_null())
                    .col(text_or_null("custom"))
                    .col(big("created_at"))
                    .primary_key(Index::create().col("message_num").col("type").col("user_num"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                create("read_positions")
                    .col(big("channel_num"))
                    .col(big("thread_num"))
                    .col(big("user_num"))
                    .col(app())
                    .col(big("joined_seq"))
                    .col(big("last_seq"))
                    .col(big("last_counted"))
                    .col(flag("muted"))
                    .col(text_or_null("marks"))
                    .primary_key(Index::create().col("channel_num").col("thread_num").col("user_num"))
                    .to_owned(),
            )
            .await?;

        parlance_sql::positions::create_table(manager).await?;

        // Written out: the query builder has no partial indexes for both databases.
        for statement in [
            "CREATE UNIQUE INDEX stream_entries_by_offset ON stream_entries (stream, stream_offset)",
            "CREATE UNIQUE INDEX messages_by_seq ON messages (channel_num, seq)",
            "CREATE UNIQUE INDEX messages_by_id ON messages (app, id) WHERE id IS NOT NULL",
            "CREATE UNIQUE INDEX messages_by_dedup ON messages (channel_num, author_num, dedup_key) \
             WHERE dedup_key IS NOT NULL",
            "CREATE INDEX messages_of_author ON messages (channel_num, author_num, seq) WHERE counted",
            "CREATE INDEX messages_of_thread ON messages (parent_num, seq) WHERE parent_num <> 0",
            "CREATE INDEX messages_deleted ON messages (channel_num, seq) WHERE deleted_at IS NOT NULL",
            "CREATE INDEX messages_changed ON messages (channel_num, changed_at) WHERE changed_at IS NOT NULL",
            "CREATE INDEX messages_pinned ON messages (channel_num, pinned_at) WHERE pinned_at IS NOT NULL",
            "CREATE INDEX read_positions_of_user ON read_positions (user_num)",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

struct Replicas;

impl MigrationName for Replicas {
    fn name(&self) -> &str {
        "m0002_replicas"
    }
}

/// Which replicas are alive, and which of them sweeps: from where the log ends now.
#[async_trait::async_trait]
impl MigrationTrait for Replicas {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        parlance_sql::leases::create_tables(manager).await?;
        let sweep = "INSERT INTO leases (name, holder, until_at, position) \
                     SELECT 'sweep', '', 0, COALESCE(MAX(position), 0) FROM stream_entries";
        manager.get_connection().execute_unprepared(sweep).await?;
        Ok(())
    }
}

struct LinkPreviews;

impl MigrationName for LinkPreviews {
    fn name(&self) -> &str {
        "m0003_link_previews"
    }
}

/// What the links of messages lead to. The job that finds it out is part of the message's row.
#[async_trait::async_trait]
impl MigrationTrait for LinkPreviews {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            ColumnDef::new("previews").binary().to_owned(),
            ColumnDef::new("preview_due").big_integer().to_owned(),
            ColumnDef::new("preview_tries").small_integer().to_owned(),
        ] {
            manager.alter_table(Table::alter().table("messages").add_column(column).to_owned()).await?;
        }
        let due = "CREATE INDEX messages_preview_due ON messages (preview_due) WHERE preview_due IS NOT NULL";
        manager.get_connection().execute_unprepared(due).await?;
        Ok(())
    }
}
