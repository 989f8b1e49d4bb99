use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workspaces")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub num: i64,
    pub app: Uuid,
    pub name: String,
    /// What must be unique of the name.
    pub name_key: String,
    #[sea_orm(column_name = "type")]
    pub type_name: String,
    pub image: String,
    /// Canonical JSON object; empty = {}.
    pub config: String,
    pub creator_num: i64,
    pub idempotency_key: Option<String>,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
