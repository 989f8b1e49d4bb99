use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "channel_types")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub app: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// JSON of `domain::channel_type::Features`.
    pub features: String,
    /// JSON: role → actions.
    pub grants: String,
    /// members, workspace, app.
    pub readers: String,
    /// invited, anyone.
    pub joiners: String,
    pub direct: bool,
}

impl ActiveModelBehavior for ActiveModel {}
