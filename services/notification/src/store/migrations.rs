use parlance_sql::positions;
use sea_orm_migration::prelude::*;

/// The service's migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Initial)]
    }
}

struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

/// In words that both databases know. The app comes last where nums alone find the rows.
const INDEXES: [&str; 14] = [
    "CREATE UNIQUE INDEX devices_token ON devices (token_key, app)",
    "CREATE INDEX devices_user ON devices (user_num, app)",
    "CREATE INDEX devices_changed ON devices (changed)",
    // What is open takes up what follows; what is closed is being decided.
    "CREATE UNIQUE INDEX pending_open ON pending (user_num, channel_num, app) WHERE is_open",
    "CREATE INDEX pending_due ON pending (due_at) WHERE is_open",
    "CREATE INDEX pending_claimed ON pending (claimed_until) WHERE NOT is_open",
    "CREATE INDEX pending_user ON pending (user_num)",
    "CREATE INDEX windows_until ON windows (until_at)",
    "CREATE INDEX deliveries_lane ON deliveries (app, provider, due_at) WHERE state = 0",
    "CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 0",
    "CREATE INDEX deliveries_receipts ON deliveries (due_at) WHERE state = 1",
    "CREATE INDEX deliveries_dead ON deliveries (app, died_at, id) WHERE state = 2",
    "CREATE INDEX deliveries_died ON deliveries (died_at) WHERE state = 2",
    "CREATE INDEX deliveries_user ON deliveries (user_num)",
];

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let create = |table: &'static str| Table::create().table(table).to_owned();
        let big = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
        let big_or_null = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        let small = |name: &'static str| ColumnDef::new(name).small_integer().not_null().to_owned();
        let int = |name: &'static str| ColumnDef::new(name).integer().not_null().to_owned();
        let flag = |name: &'static str| ColumnDef::new(name).boolean().not_null().to_owned();
        let text = |name: &'static str| ColumnDef::new(name).text().not_null().to_owned();
        let bytes = |name: &'static str| ColumnDef::new(name).binary().not_null().to_owned();
        let bytes_or_null = |name: &'static str| ColumnDef::new(name).binary().to_owned();
        let app = || ColumnDef::new("app").uuid().not_null().to_owned();

        let devices = create("devices")
            .col(big("num").primary_key())
            .col(app())
            .col(big("user_num"))
            .col(text("user_id"))
            .col(text("platform"))
            .col(small("provider"))
            .col(text("token"))
            .col(bytes("token_key"))
            .col(text("device_id"))
            .col(text("app_version"))
            .col(bytes_or_null("p256dh"))
            .col(bytes_or_null("auth"))
            .col(big("created_at"))
            .col(big("updated_at"))
            .col(big("changed"))
            .to_owned();
        let preferences = create("preferences")
            .col(app())
            .col(big("user_num"))
            .col(flag("push_enabled"))
            .col(flag("new_messages"))
            .col(flag("mentions"))
            .col(flag("reactions"))
            .col(flag("channel_invites"))
            .col(flag("thread_replies"))
            .col(flag("quiet_hours_enabled"))
            .col(int("quiet_start"))
            .col(int("quiet_end"))
            .col(text("timezone"))
            .col(big("updated_at"))
            .primary_key(Index::create().col("user_num").col("app"))
            .to_owned();
        let providers = create("providers")
            .col(app())
            .col(small("kind"))
            .col(text("settings"))
            .col(bytes("secrets"))
            .col(bytes_or_null("public_key"))
            .col(flag("enabled"))
            .col(big("version"))
            .col(big("updated_at"))
            .primary_key(Index::create().col("app").col("kind"))
            .to_owned();
        let pending = create("pending")
            .col(big("id").primary_key())
            .col(app())
            .col(big("user_num"))
            .col(big("channel_num"))
            .col(flag("is_open"))
            .col(big("due_at"))
            .col(big("first_at"))
            .col(big("messages"))
            .col(big("first_num"))
            .col(big("last_num"))
            .col(big("mention_num"))
            .col(big("replies"))
            .col(big("reply_num"))
            .col(big("reactions"))
            .col(big("reaction_num"))
            .col(text("reaction_type"))
            .col(big("reaction_by"))
            .col(big("invited_by"))
            .col(text("claim"))
            .col(big("claimed_until"))
            .to_owned();
        let windows = create("windows")
            .col(big("user_num"))
            .col(big("channel_num"))
            .col(app())
            .col(big("until_at"))
            .primary_key(Index::create().col("user_num").col("channel_num").col("app"))
            .to_owned();
        let deliveries = create("deliveries")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(app())
            .col(small("provider"))
            .col(big("user_num"))
            .col(big("device_num"))
            .col(text("event"))
            .col(big("channel_num"))
            .col(big("message_num"))
            .col(text("payload"))
            .col(small("state"))
            .col(int("attempts"))
            .col(big("due_at"))
            .col(text("claim"))
            .col(big("claimed_until"))
            .col(big("happened_at"))
            .col(big("created_at"))
            .col(big("expires_at"))
            .col(text("receipt"))
            .col(text("error"))
            .col(big_or_null("died_at"))
            .to_owned();
        for table in [devices, preferences, providers, pending, windows, deliveries] {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        positions::create_table(manager).await
    }
}
