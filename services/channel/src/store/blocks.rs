use std::collections::HashSet;

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Write, store_error};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value, sea_query::OnConflict,
};
use uuid::Uuid;

use super::block::{Column, Entity, Model};
use super::padded;

/// Blocks a user; says whether he was not blocked before.
pub async fn add(write: &Write, app: Uuid, blocker: Num, blocked: Num, now: Micros) -> Result<bool> {
    let row = Model { blocker_num: blocker, blocked_num: blocked, app, created_at: now.0 };
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(inserted > 0)
}

/// Takes a block back; says whether there was one.
pub async fn remove(write: &Write, app: Uuid, blocker: Num, blocked: Num) -> Result<bool> {
    let removed = Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::BlockerNum.eq(blocker))
        .filter(Column::BlockedNum.eq(blocked))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(removed.rows_affected > 0)
}

/// Removes all blocks by a user and of him.
pub async fn remove_everywhere(write: &Write, app: Uuid, user: Num) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Condition::any().add(Column::BlockerNum.eq(user)).add(Column::BlockedNum.eq(user)))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// A page of those whom a user has blocked, newest block first.
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    blocker: Num,
    limit: u64,
    offset: u64,
) -> Result<Vec<Model>> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::BlockerNum.eq(blocker))
        .order_by_desc(Column::CreatedAt)
        .order_by_asc(Column::BlockedNum)
        .limit(limit)
        .offset(offset)
        .all(connection)
        .await
        .map_err(store_error)
}

/// Whether one of the two has blocked the other.
pub async fn between<C: ConnectionTrait>(connection: &C, app: Uuid, one: Num, other: Num) -> Result<bool> {
    Ok(!among(connection, app, &[(one, other)]).await?.is_empty())
}

/// Of these pairs those of whom one has blocked the other, each as it was named.
pub async fn among<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    pairs: &[(Num, Num)],
) -> Result<HashSet<(Num, Num)>> {
    if pairs.is_empty() {
        return Ok(HashSet::new());
    }
    let mut values: Vec<Value> = vec![app.into()];
    let mut rows = Vec::new();
    // Each pair both ways, so that every row is found by the primary key.
    let both =
        padded(pairs.iter().copied()).into_iter().flat_map(|(one, other)| [(one, other), (other, one)]);
    for (blocker, blocked) in both {
        rows.push(format!("(${}, ${})", values.len() + 1, values.len() + 2));
        values.extend([blocker.into(), blocked.into()]);
    }
    let sql = format!(
        "WITH q(blocker_num, blocked_num) AS (VALUES {}) SELECT DISTINCT b.blocker_num, b.blocked_num \
         FROM q JOIN blocks b ON b.blocker_num = q.blocker_num AND b.blocked_num = q.blocked_num \
         WHERE b.app = $1",
        rows.join(", ")
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let found = connection.query_all_raw(statement).await.map_err(store_error)?;
    let mut blocks = HashSet::new();
    for row in found {
        let blocker: Num = row.try_get("", "blocker_num").map_err(store_error)?;
        let blocked: Num = row.try_get("", "blocked_num").map_err(store_error)?;
        blocks.extend([(blocker, blocked), (blocked, blocker)]);
    }
    Ok(pairs.iter().copied().filter(|pair| blocks.contains(pair)).collect())
}
