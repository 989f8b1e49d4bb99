use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invites")]
pub struct Model {
    /// SHA-256 of the token, in hexadecimal digits; the token itself is kept nowhere.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    pub app: Uuid,
    pub workspace_num: i64,
    pub creator_num: i64,
    /// What it makes people.
    pub role: String,
    /// How many people it may make members; 0 = any number.
    pub max_uses: i32,
    pub uses: i32,
    /// Hash of the one address that it is for.
    pub email_hash: Option<String>,
    pub created_at: i64,
    pub expires_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
