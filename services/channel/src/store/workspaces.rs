use std::collections::HashMap;

use parlance_core::{Num, Result};
use parlance_sql::{Write, store_error};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select, Set,
    sea_query::{LockType, OnConflict},
};
use uuid::Uuid;

use super::workspace::{ActiveModel, Column, Entity, Model};
use super::{channel, padded, workspace_member};

fn live(app: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::App.eq(app)).filter(Column::DeletedAt.is_null())
}

/// A live workspace.
pub async fn find<C: ConnectionTrait>(connection: &C, app: Uuid, num: Num) -> Result<Option<Model>> {
    live(app).filter(Column::Num.eq(num)).one(connection).await.map_err(store_error)
}

/// The live ones among these, in no particular order.
pub async fn find_many<C: ConnectionTrait>(connection: &C, app: Uuid, nums: &[Num]) -> Result<Vec<Model>> {
    if nums.is_empty() {
        return Ok(Vec::new());
    }
    live(app)
        .filter(Column::Num.is_in(padded(nums.iter().copied())))
        .all(connection)
        .await
        .map_err(store_error)
}

/// A live workspace, locked until the end of the transaction for a change of its own or of who belongs to it.
/// Whoever locks channels of it as well locks it first.
pub async fn lock(write: &Write, app: Uuid, num: Num) -> Result<Option<Model>> {
    live(app).filter(Column::Num.eq(num)).lock_exclusive().one(write.connection()).await.map_err(store_error)
}

/// A live workspace that nobody changes or leaves until the end of the transaction.
pub async fn hold(write: &Write, app: Uuid, num: Num) -> Result<Option<Model>> {
    live(app)
        .filter(Column::Num.eq(num))
        .lock(LockType::Share)
        .one(write.connection())
        .await
        .map_err(store_error)
}

pub async fn find_by_name<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    name_key: &str,
) -> Result<Option<Model>> {
    live(app).filter(Column::NameKey.eq(name_key)).one(connection).await.map_err(store_error)
}

/// The live workspace that its creator made with this key.
pub async fn find_repeat<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    creator: Num,
    key: &str,
) -> Result<Option<Model>> {
    live(app)
        .filter(Column::CreatorNum.eq(creator))
        .filter(Column::IdempotencyKey.eq(key))
        .one(connection)
        .await
        .map_err(store_error)
}

/// Inserts the workspace unless one of its keys is taken; says whether it did.
pub async fn insert(write: &Write, workspace: Model) -> Result<bool> {
    let inserted = Entity::insert(workspace.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(inserted > 0)
}

/// Writes what can change of a locked workspace. A name that another one has is a unique violation.
pub async fn save(write: &Write, workspace: &Model) -> std::result::Result<(), sea_orm::DbErr> {
    let columns = ActiveModel {
        name: Set(workspace.name.clone()),
        name_key: Set(workspace.name_key.clone()),
        type_name: Set(workspace.type_name.clone()),
        image: Set(workspace.image.clone()),
        config: Set(workspace.config.clone()),
        expires_at: Set(workspace.expires_at),
        updated_at: Set(workspace.updated_at),
        deleted_at: Set(workspace.deleted_at),
        ..Default::default()
    };
    Entity::update_many()
        .set(columns)
        .filter(Column::App.eq(workspace.app))
        .filter(Column::Num.eq(workspace.num))
        .exec(write.connection())
        .await?;
    Ok(())
}

/// How many members and how many live channels each of these has; none = 0.
pub async fn counts<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    nums: &[Num],
) -> Result<HashMap<Num, (i64, i64)>> {
    if nums.is_empty() {
        return Ok(HashMap::new());
    }
    let members: Vec<(Num, i64)> = workspace_member::Entity::find()
        .filter(workspace_member::Column::App.eq(app))
        .filter(workspace_member::Column::WorkspaceNum.is_in(padded(nums.iter().copied())))
        .select_only()
        .column(workspace_member::Column::WorkspaceNum)
        .column_as(workspace_member::Column::UserNum.count(), "members")
        .group_by(workspace_member::Column::WorkspaceNum)
        .into_tuple()
        .all(connection)
        .await
        .map_err(store_error)?;
    let channels: Vec<(Num, i64)> = channel::Entity::find()
        .filter(channel::Column::App.eq(app))
        .filter(channel::Column::WorkspaceNum.is_in(padded(nums.iter().copied())))
        .filter(channel::Column::DeletedAt.is_null())
        .select_only()
        .column(channel::Column::WorkspaceNum)
        .column_as(channel::Column::Num.count(), "channels")
        .group_by(channel::Column::WorkspaceNum)
        .into_tuple()
        .all(connection)
        .await
        .map_err(store_error)?;
    let mut counts: HashMap<Num, (i64, i64)> = HashMap::new();
    for (num, count) in members {
        counts.entry(num).or_default().0 = count;
    }
    for (num, count) in channels {
        counts.entry(num).or_default().1 = count;
    }
    Ok(counts)
}
