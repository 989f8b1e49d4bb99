//! Finding messages, and turning rows into whole messages.

use std::collections::HashMap;

use parlance_core::{Micros, Num, Result, id};
use parlance_proto::message::{Message, MessageRef, message_ref::Ref};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::rows::{MESSAGE_COLUMNS, MessageRow};
use super::{execute, padded, placeholders, query, reactions};

/// Most values in one list of a statement.
const CHUNK: usize = 1024;

/// A page of a channel's main list.
#[derive(Debug, Clone)]
pub struct Page {
    pub channel: Num,
    pub limit: u32,
    pub include_deleted: bool,
    /// Older than this seq, newest first.
    pub before: Option<i64>,
    /// Newer than this seq, oldest first.
    pub after: Option<i64>,
}

/// The message that a reference names, if it is one of the app's.
pub async fn find(
    connection: &impl ConnectionTrait,
    app: Uuid,
    reference: &MessageRef,
) -> Result<Option<MessageRow>> {
    Ok(find_all(connection, app, std::slice::from_ref(reference)).await?.into_iter().next())
}

/// The messages that some references name, in no order; unknown ones are left out.
pub async fn find_all(
    connection: &impl ConnectionTrait,
    app: Uuid,
    references: &[MessageRef],
) -> Result<Vec<MessageRow>> {
    let (mut nums, mut ids) = (Vec::new(), Vec::new());
    for reference in references {
        match &reference.r#ref {
            Some(Ref::Num(num)) => nums.push(*num),
            Some(Ref::Id(text)) => {
                ids.push(text.clone());
                // A generated id is not stored; it carries its num.
                nums.extend(id::parse(text));
            }
            None => {}
        }
    }
    let mut found = by_nums(connection, app, nums).await?;
    // A num that carries another, client-given id is not to be found under its computed one.
    found.retain(|row| {
        row.id.is_none()
            || references.iter().any(|reference| match &reference.r#ref {
                Some(Ref::Num(num)) => *num == row.num,
                Some(Ref::Id(text)) => row.id.as_deref() == Some(text),
                None => false,
            })
    });
    if !ids.is_empty() {
        let ids = padded(ids);
        let sql = format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND id IS NOT NULL AND id IN ({})",
            placeholders(2, ids.len())
        );
        let mut values = vec![Value::from(app)];
        values.extend(ids.into_iter().map(Value::from));
        let named: Vec<MessageRow> = query(connection, sql, values).await?;
        for row in named {
            if !found.iter().any(|known| known.num == row.num) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

pub async fn by_nums(
    connection: &impl ConnectionTrait,
    app: Uuid,
    nums: Vec<Num>,
) -> Result<Vec<MessageRow>> {
    if nums.is_empty() {
        return Ok(Vec::new());
    }
    let nums = padded(nums);
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND num IN ({})",
        placeholders(2, nums.len())
    );
    let mut values = vec![Value::from(app)];
    values.extend(nums.into_iter().map(Value::from));
    query(connection, sql, values).await
}

/// Rows of one page and whether more lie beyond it, ascending by seq.
pub async fn page(
    connection: &impl ConnectionTrait,
    app: Uuid,
    page: &Page,
) -> Result<(Vec<MessageRow>, bool)> {
    let mut sql =
        format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND channel_num = $2 AND in_main");
    let mut values = vec![Value::from(app), page.channel.into()];
    if !page.include_deleted {
        sql.push_str(" AND deleted_at IS NULL");
    }
    if let Some(seq) = page.before {
        values.push(seq.into());
        sql.push_str(&format!(" AND seq < ${}", values.len()));
    }
    if let Some(seq) = page.after {
        values.push(seq.into());
        sql.push_str(&format!(" AND seq > ${}", values.len()));
    }
    let newest_first = page.after.is_none();
    values.push(i64::from(page.limit + 1).into());
    sql.push_str(&format!(
        " ORDER BY seq {} LIMIT ${}",
        if newest_first { "DESC" } else { "ASC" },
        values.len()
    ));
    let mut rows: Vec<MessageRow> = query(connection, sql, values).await?;
    let more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    if newest_first {
        rows.reverse();
    }
    Ok((rows, more))
}

/// Main-list messages at or below `up_to_seq` that were edited or deleted after an instant.
pub async fn changed_since(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    up_to_seq: i64,
    since: Micros,
    limit: u32,
) -> Result<Vec<MessageRow>> {
    query(
        connection,
        format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND channel_num = $2 AND changed_at IS NOT NULL \
             AND changed_at > $3 AND seq <= $4 AND in_main ORDER BY seq LIMIT $5"
        ),
        vec![app.into(), channel.into(), since.0.into(), up_to_seq.into(), i64::from(limit).into()],
    )
    .await
}

/// A page of a thread: rows ascending by seq, and whether more lie beyond.
pub async fn thread(
    connection: &impl ConnectionTrait,
    app: Uuid,
    parent: Num,
    limit: u32,
    before_seq: Option<i64>,
    created_after: Option<Micros>,
) -> Result<(Vec<MessageRow>, bool)> {
    let newest_first = before_seq.is_some();
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND parent_num = $2 AND parent_num <> 0 \
         AND deleted_at IS NULL AND seq < $3 AND created_at > $4 ORDER BY seq {} LIMIT $5",
        if newest_first { "DESC" } else { "ASC" }
    );
    let mut rows: Vec<MessageRow> = query(
        connection,
        sql,
        vec![
            app.into(),
            parent.into(),
            before_seq.unwrap_or(i64::MAX).into(),
            created_after.map_or(0, |at| at.0).into(),
            i64::from(limit + 1).into(),
        ],
    )
    .await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    if newest_first {
        rows.reverse();
    }
    Ok((rows, more))
}

#[derive(FromQueryResult)]
struct Replier {
    author_num: i64,
    replies: i64,
}

/// Authors of the live replies to a message with the number of theirs, in the order of their first one.
pub async fn repliers(
    connection: &impl ConnectionTrait,
    app: Uuid,
    parent: Num,
    most: u32,
) -> Result<Vec<(Num, u32)>> {
    let rows: Vec<Replier> = query(
        connection,
        "SELECT author_num, COUNT(*) AS replies FROM messages WHERE app = $1 AND parent_num = $2 \
         AND parent_num <> 0 AND deleted_at IS NULL GROUP BY author_num ORDER BY MIN(seq) LIMIT $3",
        vec![app.into(), parent.into(), i64::from(most).into()],
    )
    .await?;
    Ok(rows.into_iter().map(|row| (row.author_num, row.replies as u32)).collect())
}

#[derive(FromQueryResult)]
struct Replies {
    parent_num: i64,
    replies: i64,
}

/// Live replies of each of some messages.
async fn reply_counts(connection: &impl ConnectionTrait, parents: Vec<Num>) -> Result<HashMap<Num, u32>> {
    let parents = padded(parents);
    let sql = format!(
        "SELECT parent_num, COUNT(*) AS replies FROM messages WHERE parent_num <> 0 AND parent_num IN ({}) \
         AND deleted_at IS NULL GROUP BY parent_num",
        placeholders(1, parents.len())
    );
    let rows: Vec<Replies> = query(connection, sql, parents.into_iter().map(Value::from).collect()).await?;
    Ok(rows.into_iter().map(|row| (row.parent_num, row.replies as u32)).collect())
}

/// Whole messages for rows, in their order: with reactions as `viewer` sees them, and reply counts.
pub async fn complete(
    connection: &impl ConnectionTrait,
    rows: Vec<MessageRow>,
    viewer: Option<Num>,
) -> Result<Vec<Message>> {
    let live: Vec<Num> = rows.iter().filter(|row| row.deleted_at.is_none()).map(|row| row.num).collect();
    let (mut reactions, replies) = if live.is_empty() {
        Default::default()
    } else {
        (reactions::groups(connection, live.clone(), viewer).await?, reply_counts(connection, live).await?)
    };
    rows.into_iter()
        .map(|row| {
            let mut message = row.message()?;
            message.reactions = reactions.remove(&row.num).unwrap_or_default();
            message.reply_count = replies.get(&row.num).copied().unwrap_or(0);
            Ok(message)
        })
        .collect()
}

#[derive(FromQueryResult)]
struct Last {
    num: Option<i64>,
}

/// Nums of the newest visible main-list message of each channel that has one.
pub async fn newest(connection: &impl ConnectionTrait, app: Uuid, channels: Vec<Num>) -> Result<Vec<Num>> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let channels = padded(channels);
    let sql = format!(
        "SELECT (SELECT m.num FROM messages m WHERE m.channel_num = h.stream AND m.in_main \
         AND m.deleted_at IS NULL ORDER BY m.seq DESC LIMIT 1) AS num \
         FROM stream_heads h WHERE h.app = $1 AND h.stream IN ({})",
        placeholders(2, channels.len())
    );
    let mut values = vec![Value::from(app)];
    values.extend(channels.into_iter().map(Value::from));
    let rows: Vec<Last> = query(connection, sql, values).await?;
    Ok(rows.into_iter().filter_map(|row| row.num).collect())
}

/// The newest visible main-list message at or before a seq.
pub async fn newest_at(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    seq: i64,
) -> Result<Option<MessageRow>> {
    let rows = query(
        connection,
        format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND channel_num = $2 AND seq <= $3 AND in_main \
             AND deleted_at IS NULL ORDER BY seq DESC LIMIT 1"
        ),
        vec![app.into(), channel.into(), seq.into()],
    )
    .await?;
    Ok(rows.into_iter().next())
}

#[derive(FromQueryResult)]
struct At {
    seq: i64,
    num: i64,
    id: Option<String>,
}

/// For each of some seqs, the id of the newest visible main-list message at or before it.
pub async fn ids_at(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    seqs: Vec<i64>,
) -> Result<HashMap<i64, String>> {
    let mut ids = HashMap::with_capacity(seqs.len());
    for some in seqs.chunks(CHUNK) {
        let some = padded(some.to_vec());
        let rows: Vec<String> = (3..some.len() + 3).map(|n| format!("(${n})")).collect();
        let sql = format!(
            "WITH v (seq) AS (VALUES {}) SELECT v.seq, m.num, m.id FROM v JOIN messages m ON m.app = $1 \
             AND m.channel_num = $2 AND m.seq = (SELECT n.seq FROM messages n WHERE n.channel_num = $2 \
             AND n.seq <= v.seq AND n.in_main AND n.deleted_at IS NULL ORDER BY n.seq DESC LIMIT 1)",
            rows.join(",")
        );
        let mut values = vec![Value::from(app), channel.into()];
        values.extend(some.into_iter().map(Value::from));
        let found: Vec<At> = query(connection, sql, values).await?;
        ids.extend(found.into_iter().map(|at| (at.seq, at.id.unwrap_or_else(|| id::text_of(at.num)))));
    }
    Ok(ids)
}

#[derive(FromQueryResult)]
struct Running {
    running: i64,
}

/// Counted messages of a channel up to and including a seq.
pub async fn running_at(connection: &impl ConnectionTrait, channel: Num, seq: i64) -> Result<i64> {
    let rows: Vec<Running> = query(
        connection,
        "SELECT running FROM messages WHERE channel_num = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1",
        vec![channel.into(), seq.into()],
    )
    .await?;
    Ok(rows.first().map_or(0, |row| row.running))
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

pub async fn pin_count(connection: &impl ConnectionTrait, channel: Num) -> Result<i64> {
    let rows: Vec<Count> = query(
        connection,
        "SELECT COUNT(*) AS n FROM messages WHERE channel_num = $1 AND pinned_at IS NOT NULL",
        vec![channel.into()],
    )
    .await?;
    Ok(rows.first().map_or(0, |row| row.n))
}

/// Pinned messages, newest pin first.
pub async fn pinned(connection: &impl ConnectionTrait, app: Uuid, channel: Num) -> Result<Vec<MessageRow>> {
    query(
        connection,
        format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages WHERE app = $1 AND channel_num = $2 \
             AND pinned_at IS NOT NULL ORDER BY pinned_at DESC, num DESC"
        ),
        vec![app.into(), channel.into()],
    )
    .await
}

/// A text and what it refers to.
pub struct Text {
    pub body: String,
    /// Encoded, as in the row.
    pub mentions: Option<String>,
    /// Those that are known already, encoded.
    pub previews: Option<Vec<u8>>,
    /// From when on the others are looked for.
    pub preview_due: Option<Micros>,
}

/// Replaces the text of a live message.
pub async fn edit(
    connection: &impl ConnectionTrait,
    app: Uuid,
    num: Num,
    text: Text,
    now: Micros,
) -> Result<()> {
    execute(
        connection,
        "UPDATE messages SET body = $3, mentions = $4, edited_at = $5, updated_at = $5, changed_at = $5, \
         previews = $6, preview_due = $7, preview_tries = 0 WHERE app = $1 AND num = $2",
        vec![
            app.into(),
            num.into(),
            text.body.into(),
            text.mentions.into(),
            now.0.into(),
            text.previews.into(),
            text.preview_due.map(|at| at.0).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Makes a message a tombstone: only its skeleton stays.
pub async fn erase(connection: &impl ConnectionTrait, app: Uuid, num: Num, now: Micros) -> Result<()> {
    execute(
        connection,
        "UPDATE messages SET body = '', attachments = NULL, mentions = NULL, custom = NULL, deleted_at = $3, \
         updated_at = $3, changed_at = $3, pinned_at = NULL, pinned_by = NULL, previews = NULL, \
         preview_due = NULL WHERE app = $1 AND num = $2",
        vec![app.into(), num.into(), now.0.into()],
    )
    .await?;
    Ok(())
}

/// Sets or clears the pin of a message.
pub async fn set_pin(
    connection: &impl ConnectionTrait,
    app: Uuid,
    num: Num,
    pin: Option<(Num, Micros)>,
) -> Result<()> {
    execute(
        connection,
        "UPDATE messages SET pinned_by = $3, pinned_at = $4 WHERE app = $1 AND num = $2",
        vec![app.into(), num.into(), pin.map(|(by, _)| by).into(), pin.map(|(_, at)| at.0).into()],
    )
    .await?;
    Ok(())
}
