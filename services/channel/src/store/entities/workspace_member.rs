use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workspace_members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_num: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_num: i64,
    pub app: Uuid,
    pub role: String,
    /// Place of the role in the order of roles, highest first.
    pub rank: i32,
    pub joined_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
