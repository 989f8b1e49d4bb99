//! The rules of apps, one row each.

use parlance_core::{Error, Micros, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait as _, IntoActiveModel as _};
use uuid::Uuid;

use crate::domain::rules::{AppRules, Hosts};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub app: Uuid,
    /// Rises with each change.
    pub version: i64,
    pub enabled: bool,
    /// Names as a JSON list.
    pub allowed_hosts: String,
    /// Names as a JSON list.
    pub denied_hosts: String,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

/// What the app has written, if anything.
pub async fn find(store: &Store, app: Uuid) -> Result<Option<AppRules>> {
    let row = Entity::find_by_id(app).one(store.read()).await.map_err(store_error)?;
    row.map(read).transpose()
}

/// Replaces the app's rules and gives them back with their version, which is greater than all before.
pub async fn put(write: &Write, app: Uuid, rules: &AppRules, now: Micros) -> Result<AppRules> {
    let row = Model {
        app,
        version: 1,
        enabled: rules.enabled,
        allowed_hosts: list(&rules.allowed)?,
        denied_hosts: list(&rules.denied)?,
        updated_at: now.0,
    };
    let mut replace = OnConflict::column(Column::App);
    replace
        .update_columns([Column::Enabled, Column::AllowedHosts, Column::DeniedHosts, Column::UpdatedAt])
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1));
    Entity::insert(row.into_active_model())
        .on_conflict(replace)
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    let row = Entity::find_by_id(app).one(write.connection()).await.map_err(store_error)?;
    read(row.ok_or_else(|| Error::internal("settings that were written are not there"))?)
}

fn read(row: Model) -> Result<AppRules> {
    let names = |text: &str| serde_json::from_str(text).map(Hosts::of).map_err(Error::internal);
    Ok(AppRules {
        version: row.version,
        enabled: row.enabled,
        allowed: names(&row.allowed_hosts)?,
        denied: names(&row.denied_hosts)?,
    })
}

fn list(hosts: &Hosts) -> Result<String> {
    serde_json::to_string(hosts.names()).map_err(Error::internal)
}
