//! The statements of a commit batch: each handles any number of rows at once, so that a batch costs
//! the same few statements whether it holds one message or a hundred.
//!
//! Rows are padded with nulls to the next power of two and filtered out again; so only eight texts
//! exist per statement, and each connection keeps them prepared.

use std::sync::OnceLock;

use parlance_core::Result;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};
use uuid::Uuid;

use super::{heads::Head, query, rows::MessageRow, statement};

/// Most rows in one statement: 2^7 = 128 messages, three entries each at most.
const SIZES: usize = 10;
const LARGEST: usize = 1 << (SIZES - 1);

/// The texts of one statement for 1, 2, 4, … rows.
struct Texts {
    cells: OnceLock<Vec<String>>,
    columns: usize,
    text: fn(&str) -> String,
}

impl Texts {
    const fn new(columns: usize, text: fn(&str) -> String) -> Self {
        Self { cells: OnceLock::new(), columns, text }
    }

    /// Text for `rows` rows, a power of two.
    fn get(&self, rows: usize) -> &str {
        let texts = self.cells.get_or_init(|| {
            (0..SIZES).map(|power| (self.text)(&values_list(1 << power, self.columns))).collect()
        });
        &texts[rows.trailing_zeros() as usize]
    }
}

/// `($1,$2),($3,$4),…`
fn values_list(rows: usize, columns: usize) -> String {
    (0..rows)
        .map(|row| format!("({})", super::placeholders(row * columns + 1, columns)))
        .collect::<Vec<_>>()
        .join(",")
}

/// Values of all rows, padded with rows of nulls (`blank`).
fn flatten<const N: usize>(rows: Vec<[Value; N]>, blank: &[Value; N]) -> (usize, Vec<Value>) {
    let padded = rows.len().next_power_of_two();
    let missing = padded - rows.len();
    let mut values = Vec::with_capacity(padded * N);
    rows.into_iter().for_each(|row| values.extend(row));
    (0..missing).for_each(|_| values.extend(blank.iter().cloned()));
    (padded, values)
}

/// A null of the same type as each value of a row.
fn blank_of<const N: usize>(row: &[Value; N]) -> [Value; N] {
    row.clone().map(|value| value.as_null())
}

async fn run<const N: usize>(
    connection: &impl ConnectionTrait,
    texts: &'static Texts,
    rows: Vec<[Value; N]>,
) -> Result<(), DbErr> {
    let Some(first) = rows.first() else { return Ok(()) };
    let blank = blank_of(first);
    let (count, values) = flatten(rows, &blank);
    let statement = statement(connection.get_database_backend(), texts.get(count), values);
    connection.execute_raw(statement).await?;
    Ok(())
}

/// A send that may be a repeat.
pub struct Keyed {
    /// Place in the batch.
    pub slot: i64,
    pub app: Uuid,
    pub channel: i64,
    pub author: i64,
    pub dedup_key: Option<String>,
    pub id: Option<String>,
}

#[derive(Debug, FromQueryResult)]
pub struct Known {
    pub slot: i64,
    /// 1 = the key is known and this is the first message; 2 = only the wanted id is taken.
    pub relation: i64,
    pub num: i64,
}

static FIND_KNOWN: Texts = Texts::new(6, |rows| {
    format!(
        "WITH v (slot, app, channel, author, dedup_key, id) AS (VALUES {rows}) \
         SELECT v.slot, CAST(1 AS BIGINT) AS relation, m.num FROM v JOIN messages m ON m.channel_num = v.channel \
           AND m.author_num = v.author AND m.dedup_key = v.dedup_key \
         UNION ALL \
         SELECT v.slot, CAST(2 AS BIGINT) AS relation, m.num FROM v JOIN messages m ON m.app = v.app AND m.id = v.id"
    )
});

/// Which sends of the batch are known already, or want an id that is taken.
pub async fn find_known(connection: &impl ConnectionTrait, keyed: Vec<Keyed>) -> Result<Vec<Known>> {
    if keyed.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<[Value; 6]> = keyed
        .into_iter()
        .map(|k| {
            [k.slot.into(), k.app.into(), k.channel.into(), k.author.into(), k.dedup_key.into(), k.id.into()]
        })
        .collect();
    let blank = blank_of(&rows[0]);
    let (count, values) = flatten(rows, &blank);
    query(connection, FIND_KNOWN.get(count), values).await
}

static INSERT_MESSAGES: Texts = Texts::new(22, |rows| {
    let columns = "num, app, id, channel_num, seq, kind, author_num, dedup_key, client_message_id, parent_num, \
                   parent_id, quoted_num, quoted_id, in_main, counted, running, body, attachments, mentions, \
                   custom, created_at, preview_due";
    format!(
        "WITH v ({columns}) AS (VALUES {rows}) INSERT INTO messages ({columns}, updated_at) \
         SELECT {columns}, created_at FROM v WHERE num IS NOT NULL"
    )
});

pub async fn insert_messages(connection: &impl ConnectionTrait, rows: &[MessageRow]) -> Result<(), DbErr> {
    let rows = rows
        .iter()
        .map(|m| {
            [
                m.num.into(),
                m.app.into(),
                m.id.clone().into(),
                m.channel_num.into(),
                m.seq.into(),
                m.kind.into(),
                m.author_num.into(),
                m.dedup_key.clone().into(),
                m.client_message_id.clone().into(),
                m.parent_num.into(),
                m.parent_id.clone().into(),
                m.quoted_num.into(),
                m.quoted_id.clone().into(),
                m.in_main.into(),
                m.counted.into(),
                m.running.into(),
                m.body.clone().into(),
                m.attachments.clone().into(),
                m.mentions.clone().into(),
                m.custom.clone().into(),
                m.created_at.into(),
                m.preview_due.into(),
            ]
        })
        .collect();
    run(connection, &INSERT_MESSAGES, rows).await
}

/// An entry of a stream log.
pub struct EntryRow {
    pub stream: i64,
    pub offset: i64,
    pub app: Uuid,
    pub event: Vec<u8>,
    pub at: i64,
}

static INSERT_ENTRIES: Texts = Texts::new(5, |rows| {
    format!(
        "WITH v (stream, stream_offset, app, event, at) AS (VALUES {rows}) \
         INSERT INTO stream_entries (stream, stream_offset, app, event, at) \
         SELECT stream, stream_offset, app, event, at FROM v WHERE stream IS NOT NULL ORDER BY stream, stream_offset"
    )
});

pub async fn insert_entries(connection: &impl ConnectionTrait, rows: Vec<EntryRow>) -> Result<(), DbErr> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some = rows
            .by_ref()
            .take(LARGEST)
            .map(|e| [e.stream.into(), e.offset.into(), e.app.into(), e.event.into(), e.at.into()])
            .collect();
        run(connection, &INSERT_ENTRIES, some).await?;
    }
    Ok(())
}

static SAVE_HEADS: Texts = Texts::new(7, |rows| {
    format!(
        "WITH v (stream, last_offset, last_seq, counted, message_count, last_num, last_at) AS (VALUES {rows}) \
         UPDATE stream_heads SET last_offset = v.last_offset, last_seq = v.last_seq, counted = v.counted, \
         message_count = v.message_count, last_num = v.last_num, last_at = v.last_at \
         FROM v WHERE stream_heads.stream = v.stream"
    )
});

pub async fn save_heads(connection: &impl ConnectionTrait, heads: Vec<&Head>) -> Result<(), DbErr> {
    let rows = heads
        .into_iter()
        .map(|h| {
            [
                h.stream.into(),
                h.last_offset.into(),
                h.last_seq.into(),
                h.counted.into(),
                h.message_count.into(),
                h.last_num.into(),
                h.last_at.into(),
            ]
        })
        .collect();
    run(connection, &SAVE_HEADS, rows).await
}

/// An author whose own position may follow his message.
pub struct Follow {
    pub channel: i64,
    pub user: i64,
    pub seq: i64,
    pub counted: i64,
}

/// In words that leave PostgreSQL no choice but the two indexes meant, even where it knows nothing of the
/// tables yet: the whole key is joined, and the first unread message is looked for in order of seq.
static FOLLOW_AUTHORS: Texts = Texts::new(5, |rows| {
    format!(
        "WITH v (channel, thread, author, seq, counted) AS (VALUES {rows}) \
         UPDATE read_positions SET last_seq = v.seq, last_counted = v.counted FROM v \
         WHERE read_positions.channel_num = v.channel AND read_positions.thread_num = v.thread \
         AND read_positions.user_num = v.author AND read_positions.last_seq < v.seq \
         AND (SELECT m.num FROM messages m WHERE m.channel_num = v.channel \
           AND m.seq > read_positions.last_seq AND m.seq < v.seq AND m.counted AND m.deleted_at IS NULL \
           AND m.author_num <> v.author ORDER BY m.seq LIMIT 1) IS NULL"
    )
});

/// Moves authors' positions to their own messages where nothing unread lies before.
pub async fn follow_authors(connection: &impl ConnectionTrait, rows: Vec<Follow>) -> Result<(), DbErr> {
    let main = 0_i64;
    let rows = rows
        .into_iter()
        .map(|f| [f.channel.into(), main.into(), f.user.into(), f.seq.into(), f.counted.into()])
        .collect();
    run(connection, &FOLLOW_AUTHORS, rows).await
}

static SAVE_FACTS: Texts = Texts::new(4, |rows| {
    format!(
        "WITH v (stream, last_offset, policy_version, member_count) AS (VALUES {rows}) \
         UPDATE stream_heads SET last_offset = v.last_offset, policy_version = v.policy_version, \
         member_count = v.member_count FROM v WHERE stream_heads.stream = v.stream"
    )
});

/// Writes what facts change in locked heads; messages change the rest.
pub async fn save_facts(connection: &impl ConnectionTrait, heads: Vec<&Head>) -> Result<(), DbErr> {
    for some in heads.chunks(LARGEST) {
        let rows = some
            .iter()
            .map(|h| [h.stream.into(), h.last_offset.into(), h.policy_version.into(), h.member_count.into()])
            .collect();
        run(connection, &SAVE_FACTS, rows).await?;
    }
    Ok(())
}

/// A member whose position starts.
pub struct Start {
    pub app: Uuid,
    pub channel: i64,
    pub user: i64,
    pub joined_seq: i64,
    pub counted: i64,
}

static START_POSITIONS: Texts = Texts::new(5, |rows| {
    format!(
        "WITH v (app, channel, member, seq, counted) AS (VALUES {rows}) \
         INSERT INTO read_positions (channel_num, thread_num, user_num, app, joined_seq, last_seq, \
         last_counted, muted) SELECT channel, 0, member, app, seq, seq, counted, FALSE FROM v \
         WHERE channel IS NOT NULL ON CONFLICT (channel_num, thread_num, user_num) DO NOTHING"
    )
});

/// Starts positions; present ones stay as they are.
pub async fn start_positions(connection: &impl ConnectionTrait, starts: Vec<Start>) -> Result<(), DbErr> {
    let mut starts = starts.into_iter().peekable();
    while starts.peek().is_some() {
        let rows = starts
            .by_ref()
            .take(LARGEST)
            .map(|s| [s.app.into(), s.channel.into(), s.user.into(), s.joined_seq.into(), s.counted.into()])
            .collect();
        run(connection, &START_POSITIONS, rows).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parlance_testkit::postgres_store;
    use sea_orm::Statement;

    use super::*;
    use crate::store::migrations::Migrator;

    /// The plan that PostgreSQL makes, and keeps, for a statement before the tables have grown.
    async fn plan(connection: &impl ConnectionTrait, texts: &Texts, types: &[&str], rows: usize) -> String {
        let types = vec![types; rows].concat().join(",");
        let nulls = vec!["NULL"; rows * texts.columns].join(",");
        for sql in [
            "SET LOCAL plan_cache_mode = force_generic_plan".to_owned(),
            "DEALLOCATE ALL".to_owned(),
            format!("PREPARE batch ({types}) AS {}", texts.get(rows)),
        ] {
            connection.execute_unprepared(&sql).await.unwrap();
        }
        let explain = Statement::from_string(
            connection.get_database_backend(),
            format!("EXPLAIN EXECUTE batch ({nulls})"),
        );
        let lines = connection.query_all_raw(explain).await.unwrap();
        lines.iter().map(|line| line.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn plans_made_for_empty_tables_go_by_the_indexes() {
        let Some(store) = postgres_store(parlance_sql::migrate::<Migrator>).await else { return };
        let write = store.begin().await.unwrap();
        let connection = write.connection();
        for rows in [1, 2, 8, 64, 512] {
            let known = ["bigint", "uuid", "bigint", "bigint", "text", "text"];
            for (name, texts, types, indexes) in [
                ("follow", &FOLLOW_AUTHORS, &["bigint"; 5][..], ["read_positions_pkey", "messages_by_seq"]),
                ("heads", &SAVE_HEADS, &["bigint"; 7][..], ["stream_heads_pkey"; 2]),
                ("known", &FIND_KNOWN, &known[..], ["messages_by_dedup", "messages_by_id"]),
            ] {
                let plan = plan(connection, texts, types, rows).await;
                let by_indexes = indexes.iter().all(|index| plan.contains(index));
                assert!(by_indexes && !plan.contains("Seq Scan"), "{name}, {rows} rows:\n{plan}");
                assert!(name != "follow" || plan.contains("(seq > read_positions.last_seq)"), "{plan}");
            }
        }
        write.rollback().await.unwrap();
        store.remove().await;
    }
}
