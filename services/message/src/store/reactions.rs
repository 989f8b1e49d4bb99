//! Reactions: one row per message, type and user.

use std::collections::HashMap;

use parlance_core::{Micros, Num, Result};
use parlance_proto::message::ReactionGroup;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::{execute, padded, placeholders, query};

/// Users listed with a reaction group.
const LISTED_USERS: i64 = 5;

#[derive(FromQueryResult)]
struct Row {
    message_num: i64,
    kind: String,
    user_num: i64,
    total: i64,
    first_at: i64,
    own: i64,
}

/// Reaction groups of some messages, ordered by first use; each lists its newest users, the newest last.
pub async fn groups(
    connection: &impl ConnectionTrait,
    messages: Vec<Num>,
    viewer: Option<Num>,
) -> Result<HashMap<Num, Vec<ReactionGroup>>> {
    let messages = padded(messages);
    let sql = format!(
        "SELECT message_num, kind, user_num, total, first_at, own FROM (\
           SELECT message_num, type AS kind, user_num, created_at, \
             COUNT(*) OVER (PARTITION BY message_num, type) AS total, \
             MIN(created_at) OVER (PARTITION BY message_num, type) AS first_at, \
             MAX(CASE WHEN user_num = $1 THEN 1 ELSE 0 END) OVER (PARTITION BY message_num, type) AS own, \
             ROW_NUMBER() OVER (PARTITION BY message_num, type ORDER BY created_at DESC, user_num DESC) AS rank \
           FROM reactions WHERE message_num IN ({})) ranked \
         WHERE rank <= {LISTED_USERS} ORDER BY message_num, first_at, kind, created_at, user_num",
        placeholders(2, messages.len())
    );
    let mut values = vec![Value::from(viewer.unwrap_or(0))];
    values.extend(messages.into_iter().map(Value::from));
    let rows: Vec<RowWide> = query(connection, sql, values).await?;
    let mut out: HashMap<Num, Vec<ReactionGroup>> = HashMap::new();
    for RowWide(row) in rows {
        let groups = out.entry(row.message_num).or_default();
        match groups.last_mut() {
            Some(group) if group.r#type == row.kind => group.user_nums.push(row.user_num),
            _ => groups.push(ReactionGroup {
                r#type: row.kind,
                count: row.total as u32,
                own: row.own == 1,
                user_nums: vec![row.user_num],
                first_at: Some(Micros(row.first_at).timestamp()),
            }),
        }
    }
    Ok(out)
}

/// PostgreSQL calls the flag a 32-bit integer, SQLite a 64-bit one.
struct RowWide(Row);

impl FromQueryResult for RowWide {
    fn from_query_result(result: &sea_orm::QueryResult, prefix: &str) -> Result<Self, sea_orm::DbErr> {
        let own = result
            .try_get::<i64>(prefix, "own")
            .or_else(|_| result.try_get::<i32>(prefix, "own").map(i64::from))?;
        Ok(Self(Row {
            message_num: result.try_get(prefix, "message_num")?,
            kind: result.try_get(prefix, "kind")?,
            user_num: result.try_get(prefix, "user_num")?,
            total: result.try_get(prefix, "total")?,
            first_at: result.try_get(prefix, "first_at")?,
            own,
        }))
    }
}

/// Adds a reaction; false if it was there.
pub async fn add(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    message: Num,
    kind: &str,
    user: Num,
    now: Micros,
) -> Result<bool> {
    let added = execute(
        connection,
        "INSERT INTO reactions (message_num, type, user_num, app, channel_num, score, created_at) \
         VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (message_num, type, user_num) DO NOTHING",
        vec![message.into(), kind.into(), user.into(), app.into(), channel.into(), now.0.into()],
    )
    .await?;
    Ok(added > 0)
}

/// Removes a reaction; false if it was not there.
pub async fn remove(connection: &impl ConnectionTrait, message: Num, kind: &str, user: Num) -> Result<bool> {
    let removed = execute(
        connection,
        "DELETE FROM reactions WHERE message_num = $1 AND type = $2 AND user_num = $3",
        vec![message.into(), kind.into(), user.into()],
    )
    .await?;
    Ok(removed > 0)
}

/// Removes all reactions to a message.
pub async fn clear(connection: &impl ConnectionTrait, message: Num) -> Result<()> {
    execute(connection, "DELETE FROM reactions WHERE message_num = $1", vec![message.into()]).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Kind {
    kind: String,
}

/// Distinct types of reactions to a message.
pub async fn kinds(connection: &impl ConnectionTrait, message: Num) -> Result<Vec<String>> {
    let rows: Vec<Kind> = query(
        connection,
        "SELECT DISTINCT type AS kind FROM reactions WHERE message_num = $1",
        vec![message.into()],
    )
    .await?;
    Ok(rows.into_iter().map(|row| row.kind).collect())
}
