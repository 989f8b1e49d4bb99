//! Previews of the links in messages, and the jobs that find them: a message whose `preview_due` is set
//! waits for its previews, from that time on.

use parlance_core::{Micros, Num, Result};
use parlance_proto::link_preview::LinkPreview;
use prost::Message as _;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};
use uuid::Uuid;

use super::{execute, query};

/// Due jobs among which those that are taken are chosen.
const CANDIDATES: i64 = 1000;

/// How previews are stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Previews {
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<LinkPreview>,
}

/// Previews for storage; none = no value.
pub fn encode(items: Vec<LinkPreview>) -> Option<Vec<u8>> {
    (!items.is_empty()).then(|| Previews { items }.encode_to_vec())
}

/// A message that waits for its previews.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Job {
    pub num: Num,
    pub app: Uuid,
    pub channel_num: Num,
    pub body: String,
    pub created_at: i64,
    pub edited_at: Option<i64>,
    pub previews: Option<Vec<u8>>,
    pub preview_tries: Option<i16>,
    /// Until when this replica has it: how it is recognised when it is done.
    pub preview_due: i64,
}

#[derive(FromQueryResult)]
struct Due {
    #[allow(dead_code)]
    num: Num,
}

/// Whether a job is due.
pub async fn is_one_due(connection: &impl ConnectionTrait, now: Micros) -> Result<bool> {
    let due: Vec<Due> = query(
        connection,
        "SELECT num FROM messages WHERE preview_due IS NOT NULL AND preview_due <= $1 LIMIT 1",
        vec![now.0.into()],
    )
    .await?;
    Ok(!due.is_empty())
}

/// Takes due jobs of all apps: nobody else gets them before `until`. The oldest of each author come first, so that
/// one who posts many links, or links that hang, does not keep others waiting.
pub async fn claim(
    connection: &impl ConnectionTrait,
    now: Micros,
    until: Micros,
    most: usize,
) -> Result<Vec<Job>> {
    let lock = match connection.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    };
    query(
        connection,
        format!(
            "UPDATE messages SET preview_due = $2 WHERE num IN (SELECT num FROM messages WHERE num IN (\
               SELECT num FROM (SELECT num, preview_due, \
                 ROW_NUMBER() OVER (PARTITION BY app, author_num ORDER BY preview_due, num) AS turn \
                 FROM (SELECT num, app, author_num, preview_due FROM messages \
                   WHERE preview_due IS NOT NULL AND preview_due <= $1 ORDER BY preview_due LIMIT $4) AS due\
               ) AS turns ORDER BY turn, preview_due LIMIT $3) \
             AND preview_due <= $1{lock}) \
             RETURNING num, app, channel_num, body, created_at, edited_at, previews, preview_tries, preview_due"
        ),
        vec![now.0.into(), until.0.into(), (most as i64).into(), CANDIDATES.into()],
    )
    .await
}

/// Makes all jobs due that are not yet.
pub async fn all_due(connection: &impl ConnectionTrait, now: Micros) -> Result<()> {
    execute(
        connection,
        "UPDATE messages SET preview_due = $1 WHERE preview_due IS NOT NULL AND preview_due > $1",
        vec![now.0.into()],
    )
    .await?;
    Ok(())
}

/// Writes what a job has found, and when it goes on (`None` = it is done).
pub async fn save(
    connection: &impl ConnectionTrait,
    app: Uuid,
    num: Num,
    previews: Option<Vec<u8>>,
    due: Option<Micros>,
    tries: i16,
) -> Result<()> {
    execute(
        connection,
        "UPDATE messages SET previews = $3, preview_due = $4, preview_tries = $5 WHERE app = $1 AND num = $2",
        vec![app.into(), num.into(), previews.into(), due.map(|at| at.0).into(), tries.into()],
    )
    .await?;
    Ok(())
}
