use std::collections::BTreeSet;

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Write, store_error};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, Select, Set, Statement, Value,
};
use uuid::Uuid;

use super::padded;
use super::workspace_member::{ActiveModel, Column, Entity, Model};
use crate::domain::WorkspaceRole;

fn of(app: Uuid, workspace: Num) -> Select<Entity> {
    Entity::find().filter(Column::App.eq(app)).filter(Column::WorkspaceNum.eq(workspace))
}

fn in_order(select: Select<Entity>) -> Select<Entity> {
    select.order_by_desc(Column::Rank).order_by_asc(Column::JoinedAt).order_by_asc(Column::UserNum)
}

/// A new membership.
pub fn fresh(app: Uuid, workspace: Num, user: Num, role: WorkspaceRole, now: Micros) -> Model {
    Model {
        workspace_num: workspace,
        user_num: user,
        app,
        role: role.as_str().to_owned(),
        rank: role.rank(),
        joined_at: now.0,
    }
}

pub async fn find<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    workspace: Num,
    user: Num,
) -> Result<Option<Model>> {
    of(app, workspace).filter(Column::UserNum.eq(user)).one(connection).await.map_err(store_error)
}

/// Which of these users are members.
pub async fn present<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    workspace: Num,
    users: &BTreeSet<Num>,
) -> Result<BTreeSet<Num>> {
    if users.is_empty() {
        return Ok(BTreeSet::new());
    }
    let nums: Vec<Num> = of(app, workspace)
        .filter(Column::UserNum.is_in(padded(users.iter().copied())))
        .select_only()
        .column(Column::UserNum)
        .into_tuple()
        .all(connection)
        .await
        .map_err(store_error)?;
    Ok(nums.into_iter().collect())
}

/// One user's memberships in these workspaces.
pub async fn of_user<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    user: Num,
    workspaces: &[Num],
) -> Result<Vec<Model>> {
    if workspaces.is_empty() {
        return Ok(Vec::new());
    }
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::UserNum.eq(user))
        .filter(Column::WorkspaceNum.is_in(padded(workspaces.iter().copied())))
        .all(connection)
        .await
        .map_err(store_error)
}

/// Pairs of workspace and user that exist among those.
pub async fn of_pairs<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    pairs: &BTreeSet<(Num, Num)>,
) -> Result<BTreeSet<(Num, Num)>> {
    if pairs.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut values: Vec<Value> = vec![app.into()];
    let mut rows = Vec::new();
    for (workspace, user) in padded(pairs.iter().copied()) {
        rows.push(format!("(${}, ${})", values.len() + 1, values.len() + 2));
        values.extend([workspace.into(), user.into()]);
    }
    let sql = format!(
        "WITH q(workspace_num, user_num) AS (VALUES {}) SELECT DISTINCT w.workspace_num, w.user_num \
         FROM q JOIN workspace_members w ON w.workspace_num = q.workspace_num AND w.user_num = q.user_num \
         WHERE w.app = $1",
        rows.join(", ")
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let found = connection.query_all_raw(statement).await.map_err(store_error)?;
    let pair = |row: &QueryResult| Ok((row.try_get("", "workspace_num")?, row.try_get("", "user_num")?));
    found.iter().map(|row| pair(row).map_err(store_error)).collect()
}

/// A page of a user's memberships, the oldest first.
pub async fn page_of_user<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    user: Num,
    limit: u64,
    offset: u64,
) -> Result<Vec<Model>> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::UserNum.eq(user))
        .order_by_asc(Column::JoinedAt)
        .order_by_asc(Column::WorkspaceNum)
        .limit(limit)
        .offset(offset)
        .all(connection)
        .await
        .map_err(store_error)
}

/// A page of members: highest role first, then the oldest.
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    workspace: Num,
    limit: u64,
    offset: u64,
) -> Result<Vec<Model>> {
    in_order(of(app, workspace)).limit(limit).offset(offset).all(connection).await.map_err(store_error)
}

/// The first members in order, by num.
pub async fn first_nums(write: &Write, app: Uuid, workspace: Num, most: u64) -> Result<Vec<Num>> {
    in_order(of(app, workspace))
        .limit(most)
        .select_only()
        .column(Column::UserNum)
        .into_tuple()
        .all(write.connection())
        .await
        .map_err(store_error)
}

/// The oldest member of the highest role.
pub async fn senior(write: &Write, app: Uuid, workspace: Num) -> Result<Option<Model>> {
    in_order(of(app, workspace)).one(write.connection()).await.map_err(store_error)
}

pub async fn count<C: ConnectionTrait>(connection: &C, app: Uuid, workspace: Num) -> Result<u64> {
    of(app, workspace).count(connection).await.map_err(store_error)
}

pub async fn count_owners(write: &Write, app: Uuid, workspace: Num) -> Result<u64> {
    of(app, workspace)
        .filter(Column::Role.eq(WorkspaceRole::Owner.as_str()))
        .count(write.connection())
        .await
        .map_err(store_error)
}

/// Makes people members of a locked workspace of which they are none yet.
pub async fn add(write: &Write, members: Vec<Model>) -> Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    Entity::insert_many(members.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Writes the role of a membership.
pub async fn save(write: &Write, member: &Model) -> Result<()> {
    let columns =
        ActiveModel { role: Set(member.role.clone()), rank: Set(member.rank), ..Default::default() };
    Entity::update_many()
        .set(columns)
        .filter(one(member.app, member.workspace_num, member.user_num))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub async fn remove(write: &Write, app: Uuid, workspace: Num, user: Num) -> Result<()> {
    Entity::delete_many()
        .filter(one(app, workspace, user))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub async fn remove_all(write: &Write, app: Uuid, workspace: Num) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::WorkspaceNum.eq(workspace))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Workspaces that a user is a member of, in rising order.
pub async fn workspaces_of(write: &Write, app: Uuid, user: Num) -> Result<Vec<Num>> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::UserNum.eq(user))
        .order_by_asc(Column::WorkspaceNum)
        .select_only()
        .column(Column::WorkspaceNum)
        .into_tuple()
        .all(write.connection())
        .await
        .map_err(store_error)
}

fn one(app: Uuid, workspace: Num, user: Num) -> Condition {
    Condition::all()
        .add(Column::App.eq(app))
        .add(Column::WorkspaceNum.eq(workspace))
        .add(Column::UserNum.eq(user))
}
