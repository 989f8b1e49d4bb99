//! Workspaces with their members and invites, and blocks between users.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: [&str; 9] = [
    "CREATE UNIQUE INDEX workspaces_name ON workspaces (name_key, app) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX workspaces_idempotency ON workspaces (idempotency_key, creator_num, app) \
     WHERE deleted_at IS NULL",
    "CREATE INDEX workspace_members_user ON workspace_members (user_num, joined_at, workspace_num)",
    "CREATE INDEX workspace_members_order ON workspace_members (workspace_num, rank DESC, joined_at, user_num)",
    "CREATE INDEX invites_workspace ON invites (workspace_num, expires_at)",
    "CREATE INDEX invites_creator ON invites (creator_num)",
    "CREATE INDEX blocks_blocked ON blocks (blocked_num, blocker_num)",
    "CREATE INDEX channels_workspace ON channels (workspace_num, num) WHERE deleted_at IS NULL",
    "CREATE INDEX channels_workspace_listing ON channels \
     (workspace_num, last_message_at DESC, created_at DESC, num) \
     WHERE open_in_workspace AND deleted_at IS NULL",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(workspaces()).await?;
        manager.create_table(workspace_members()).await?;
        manager.create_table(invites()).await?;
        manager.create_table(blocks()).await?;
        let open = ColumnDef::new("open_in_workspace").boolean().not_null().default(false).to_owned();
        manager.alter_table(Table::alter().table("channels").add_column(open).to_owned()).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}

fn workspaces() -> TableCreateStatement {
    Table::create()
        .table("workspaces")
        .col(number("num").primary_key())
        .col(ColumnDef::new("app").uuid().not_null())
        .col(text("name"))
        .col(text("name_key"))
        .col(text("type"))
        .col(text("image"))
        .col(text("config"))
        .col(number("creator_num"))
        .col(ColumnDef::new("idempotency_key").text())
        .col(ColumnDef::new("expires_at").big_integer())
        .col(number("created_at"))
        .col(number("updated_at"))
        .col(ColumnDef::new("deleted_at").big_integer())
        .to_owned()
}

fn workspace_members() -> TableCreateStatement {
    Table::create()
        .table("workspace_members")
        .col(number("workspace_num"))
        .col(number("user_num"))
        .col(ColumnDef::new("app").uuid().not_null())
        .col(text("role"))
        .col(ColumnDef::new("rank").integer().not_null())
        .col(number("joined_at"))
        .primary_key(Index::create().col("workspace_num").col("user_num"))
        .to_owned()
}

fn invites() -> TableCreateStatement {
    Table::create()
        .table("invites")
        .col(text("token_hash").primary_key())
        .col(ColumnDef::new("app").uuid().not_null())
        .col(number("workspace_num"))
        .col(number("creator_num"))
        .col(text("role"))
        .col(ColumnDef::new("max_uses").integer().not_null())
        .col(ColumnDef::new("uses").integer().not_null())
        .col(ColumnDef::new("email_hash").text())
        .col(number("created_at"))
        .col(number("expires_at"))
        .to_owned()
}

fn blocks() -> TableCreateStatement {
    Table::create()
        .table("blocks")
        .col(number("blocker_num"))
        .col(number("blocked_num"))
        .col(ColumnDef::new("app").uuid().not_null())
        .col(number("created_at"))
        .primary_key(Index::create().col("blocker_num").col("blocked_num"))
        .to_owned()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}
