use parlance_core::{Micros, Num, Result};
use parlance_sql::{Write, store_error};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::invite::{ActiveModel, Column, Entity, Model};

pub async fn find<C: ConnectionTrait>(connection: &C, app: Uuid, token_hash: &str) -> Result<Option<Model>> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::TokenHash.eq(token_hash))
        .one(connection)
        .await
        .map_err(store_error)
}

/// An invite, locked until the end of the transaction; its workspace has been locked before.
pub async fn lock(write: &Write, app: Uuid, token_hash: &str) -> Result<Option<Model>> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::TokenHash.eq(token_hash))
        .lock_exclusive()
        .one(write.connection())
        .await
        .map_err(store_error)
}

pub async fn add(write: &Write, invites: Vec<Model>) -> Result<()> {
    Entity::insert_many(invites.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Writes how often a locked invite has been used.
pub async fn save_uses(write: &Write, invite: &Model) -> Result<()> {
    Entity::update_many()
        .set(ActiveModel { uses: Set(invite.uses), ..Default::default() })
        .filter(Column::App.eq(invite.app))
        .filter(Column::TokenHash.eq(&invite.token_hash))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Removes the workspace's invites that ended before an instant.
pub async fn remove_ended(write: &Write, app: Uuid, workspace: Num, before: Micros) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::WorkspaceNum.eq(workspace))
        .filter(Column::ExpiresAt.lt(before.0))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub async fn remove_of_workspace(write: &Write, app: Uuid, workspace: Num) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::WorkspaceNum.eq(workspace))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub async fn remove_of_creator(write: &Write, app: Uuid, creator: Num) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::CreatorNum.eq(creator))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}
