use sea_orm::entity::prelude::*;

/// `status` of somebody who belongs to the channel; `invited` and `rejected` do not count.
pub const MEMBER: &str = "member";
/// `muted_until` of a mute without an end.
pub const FOREVER: i64 = i64::MAX;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_num: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_num: i64,
    pub app: Uuid,
    pub role: String,
    /// Place of the role in the order of roles, highest first.
    pub rank: i32,
    pub status: String,
    pub joined_seq: i64,
    pub visible_from_seq: i64,
    pub muted_until: Option<i64>,
    pub starred: bool,
    pub pinned: bool,
    pub hidden: bool,
    pub archived: bool,
    pub banned_until: Option<i64>,
    pub shadow_banned: bool,
    pub custom: String,
    pub joined_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
