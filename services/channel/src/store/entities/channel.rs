use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "channels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub num: i64,
    pub app: Uuid,
    #[sea_orm(column_name = "type")]
    pub type_name: String,
    /// The client's own id; without one the id is computed from `num`.
    pub id: Option<String>,
    pub cid: String,
    /// Sorted member nums of a direct channel, joined by `:`.
    pub distinct_key: Option<String>,
    pub idempotency_key: Option<String>,
    pub name: String,
    pub description: String,
    pub image: String,
    /// JSON of `domain::Overrides`.
    pub config: String,
    pub workspace_num: Option<i64>,
    pub team: Option<String>,
    pub creator_num: i64,
    pub frozen: bool,
    pub cooldown_s: i32,
    pub truncated_before_seq: i64,
    pub member_count: i32,
    pub last_seq: i64,
    /// 0 = no message yet, so that silent channels sort last on both databases.
    pub last_message_at: i64,
    pub policy_version: i64,
    /// Canonical JSON object; empty = {}.
    pub custom: String,
    /// Everybody of the app may read and join; kept here for the listing index.
    pub discoverable: bool,
    /// All members of its workspace may read and join; kept here for the listing index.
    pub open_in_workspace: bool,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
