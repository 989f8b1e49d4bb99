use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "blocks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub blocker_num: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub blocked_num: i64,
    pub app: Uuid,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
