//! What somebody is to be told of, before it is decided: one row for each user and channel.
//!
//! An open row takes up what follows. When it is due it is closed and claimed, and what follows then opens
//! another one. A window says until when a further row of the same user and channel is not due.

use parlance_core::{Micros, Num, Result};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::{execute, padded, placeholders, query, query_one, skip_locked};

/// Rows of one statement: a power of two, so that few texts exist.
const STEP: usize = 256;

/// A row, or what a page of facts adds to one.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Pending {
    pub id: i64,
    pub app: Uuid,
    pub user_num: i64,
    pub channel_num: i64,
    /// When the oldest of it happened.
    pub first_at: i64,
    /// Messages of the main list, and the first and last of them.
    pub messages: i64,
    pub first_num: i64,
    pub last_num: i64,
    /// The last message that mentions him; 0 = none.
    pub mention_num: i64,
    /// Replies in threads, and the last one.
    pub replies: i64,
    pub reply_num: i64,
    /// Reactions to his messages; of the last one: the message, the type, and who.
    pub reactions: i64,
    pub reaction_num: i64,
    pub reaction_type: String,
    pub reaction_by: i64,
    /// Who has made him a member; [`NOBODY`] = the app's backend; 0 = nobody has.
    pub invited_by: i64,
}

/// Stands for the app's backend where a user is named.
pub const NOBODY: Num = -1;

impl Pending {
    /// Nothing yet.
    pub fn new(id: Num, app: Uuid, user: Num, channel: Num, at: Micros) -> Self {
        Self {
            id,
            app,
            user_num: user,
            channel_num: channel,
            first_at: at.0,
            messages: 0,
            first_num: 0,
            last_num: 0,
            mention_num: 0,
            replies: 0,
            reply_num: 0,
            reactions: 0,
            reaction_num: 0,
            reaction_type: String::new(),
            reaction_by: 0,
            invited_by: 0,
        }
    }

    /// How many things it holds.
    pub fn events(&self) -> u64 {
        let mention_alone = i64::from(self.mention_num != 0 && self.messages == 0 && self.replies == 0);
        let invite = i64::from(self.invited_by != 0);
        (self.messages + mention_alone + self.replies + self.reactions + invite).max(0) as u64
    }
}

const COLUMNS: &str = "id, app, user_num, channel_num, first_at, messages, first_num, last_num, mention_num, \
                       replies, reply_num, reactions, reaction_num, reaction_type, reaction_by, invited_by";
const WIDTH: usize = 16;

fn values_of(row: &Pending) -> [Value; WIDTH] {
    [
        row.id.into(),
        row.app.into(),
        row.user_num.into(),
        row.channel_num.into(),
        row.first_at.into(),
        row.messages.into(),
        row.first_num.into(),
        row.last_num.into(),
        row.mention_num.into(),
        row.replies.into(),
        row.reply_num.into(),
        row.reactions.into(),
        row.reaction_num.into(),
        row.reaction_type.clone().into(),
        row.reaction_by.into(),
        row.invited_by.into(),
    ]
}

/// Adds to open rows, making those that are missing: due now, or at the end of their window. A window that ends
/// after `latest` is from a clock that was set back since, and does not count.
pub async fn add(
    connection: &impl ConnectionTrait,
    mut rows: Vec<Pending>,
    now: Micros,
    latest: Micros,
) -> Result<()> {
    // In rising order, so that two writers never wait for each other's rows.
    rows.sort_by_key(|row| (row.user_num, row.channel_num));
    for rows in rows.chunks(STEP) {
        // Padded with rows of nobody, which the text leaves out.
        let nobody = Pending::new(0, Uuid::nil(), 0, 0, Micros(0));
        let padding = rows.len().next_power_of_two() - rows.len();
        let mut values: Vec<Value> = vec![now.0.into(), latest.0.into()];
        let mut texts = Vec::new();
        for row in rows.iter().chain(std::iter::repeat_n(&nobody, padding)) {
            texts.push(format!("({})", placeholders(values.len() + 1, WIDTH)));
            values.extend(values_of(row));
        }
        let sql = format!(
            "WITH v ({COLUMNS}) AS (VALUES {}) INSERT INTO pending ({COLUMNS}, is_open, due_at, claim, \
             claimed_until) SELECT {COLUMNS}, TRUE, COALESCE((SELECT w.until_at FROM windows w \
             WHERE w.user_num = v.user_num AND w.channel_num = v.channel_num AND w.app = v.app \
             AND w.until_at > $1 AND w.until_at <= $2), $1), '', 0 FROM v WHERE v.user_num <> 0 \
             ON CONFLICT (user_num, channel_num, app) WHERE is_open DO UPDATE SET {MERGE}",
            texts.join(",")
        );
        execute(connection, sql, values).await?;
    }
    Ok(())
}

const MERGE: &str = "first_at = CASE WHEN excluded.first_at < pending.first_at THEN excluded.first_at \
     ELSE pending.first_at END, \
     messages = pending.messages + excluded.messages, \
     first_num = CASE WHEN pending.first_num = 0 THEN excluded.first_num ELSE pending.first_num END, \
     last_num = CASE WHEN excluded.last_num > pending.last_num THEN excluded.last_num ELSE pending.last_num END, \
     mention_num = CASE WHEN excluded.mention_num > pending.mention_num THEN excluded.mention_num \
     ELSE pending.mention_num END, \
     replies = pending.replies + excluded.replies, \
     reply_num = CASE WHEN excluded.reply_num > pending.reply_num THEN excluded.reply_num \
     ELSE pending.reply_num END, \
     reactions = pending.reactions + excluded.reactions, \
     reaction_num = CASE WHEN excluded.reactions > 0 THEN excluded.reaction_num ELSE pending.reaction_num END, \
     reaction_type = CASE WHEN excluded.reactions > 0 THEN excluded.reaction_type ELSE pending.reaction_type END, \
     reaction_by = CASE WHEN excluded.reactions > 0 THEN excluded.reaction_by ELSE pending.reaction_by END, \
     invited_by = CASE WHEN excluded.invited_by <> 0 THEN excluded.invited_by ELSE pending.invited_by END";

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

/// Whether anything is to be decided now, of other apps than these.
pub async fn any_due(connection: &impl ConnectionTrait, now: Micros, without: &[Uuid]) -> Result<bool> {
    let mut values: Vec<Value> = vec![now.0.into()];
    let others = others(without, &mut values);
    for due in [OPEN_DUE, LEFT_DUE] {
        let sql = format!("SELECT id FROM pending WHERE {due} <= $1{others} LIMIT 1");
        if query_one::<Id>(connection, sql, values.clone()).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

const OPEN_DUE: &str = "is_open AND due_at";
const LEFT_DUE: &str = "NOT is_open AND claimed_until";

/// Closes and takes what is due, and what somebody took and left, which gets no more than half of the places;
/// nothing of apps in `without`. Whoever holds it says `claim`.
pub async fn claim(
    connection: &impl ConnectionTrait,
    most: u32,
    claim: &str,
    now: Micros,
    until: Micros,
    without: &[Uuid],
) -> Result<Vec<Pending>> {
    let locked = skip_locked(connection.get_database_backend());
    let mut values: Vec<Value> = vec![now.0.into(), claim.into(), until.0.into()];
    let others = others(without, &mut values);
    let mut rows: Vec<Pending> = Vec::new();
    for (due, order, most) in [(LEFT_DUE, "claimed_until", most / 2), (OPEN_DUE, "due_at", most)] {
        let most = most.saturating_sub(rows.len() as u32);
        let sql = format!(
            "UPDATE pending SET is_open = FALSE, claim = $2, claimed_until = $3 WHERE id IN (SELECT id FROM pending \
             WHERE {due} <= $1{others} ORDER BY {order} LIMIT {most}{locked}) RETURNING {COLUMNS}"
        );
        let taken = query(connection, sql, values.clone()).await?;
        rows.extend::<Vec<Pending>>(taken);
    }
    rows.sort_by_key(|row| (row.user_num, row.channel_num, row.id));
    Ok(rows)
}

/// "… and not of these apps", which are added to the values.
fn others(without: &[Uuid], values: &mut Vec<Value>) -> String {
    if without.is_empty() {
        return String::new();
    }
    let without = padded(without.to_vec());
    let text = format!(" AND app NOT IN ({})", placeholders(values.len() + 1, without.len()));
    values.extend(without.into_iter().map(Value::from));
    text
}

/// Removes claimed rows that are decided; gives those that were still held.
pub async fn remove(connection: &impl ConnectionTrait, claim: &str, ids: &[Num]) -> Result<Vec<Num>> {
    let mut removed = Vec::new();
    for ids in ids.chunks(STEP) {
        let sql = format!(
            "DELETE FROM pending WHERE claim = $1 AND id IN ({}) RETURNING id",
            placeholders(2, ids.len())
        );
        let values = std::iter::once(claim.into()).chain(ids.iter().map(|id| (*id).into())).collect();
        let rows: Vec<Id> = query(connection, sql, values).await?;
        removed.extend(rows.into_iter().map(|row| row.id));
    }
    Ok(removed)
}

/// Leaves claimed rows to whoever comes after an instant.
pub async fn leave(connection: &impl ConnectionTrait, claim: &str, ids: &[Num], until: Micros) -> Result<()> {
    for ids in ids.chunks(STEP) {
        let sql = format!(
            "UPDATE pending SET claimed_until = $2 WHERE claim = $1 AND id IN ({})",
            placeholders(3, ids.len())
        );
        let mut values: Vec<Value> = vec![claim.into(), until.0.into()];
        values.extend(ids.iter().map(|id| Value::from(*id)));
        execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Frees what a process held that is no more. Only where no other process may hold any.
pub async fn free_all(connection: &impl ConnectionTrait) -> Result<u64> {
    execute(connection, "UPDATE pending SET claimed_until = 0 WHERE NOT is_open", vec![]).await
}

/// A user and a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub user: Num,
    pub channel: Num,
    pub app: Uuid,
}

impl Pair {
    pub fn of(row: &Pending) -> Self {
        Self { user: row.user_num, channel: row.channel_num, app: row.app }
    }
}

/// Opens a window for each pair; one that is there is moved.
pub async fn open_windows(
    connection: &impl ConnectionTrait,
    mut pairs: Vec<Pair>,
    until: Micros,
) -> Result<()> {
    pairs.sort_unstable();
    pairs.dedup();
    for pairs in pairs.chunks(STEP) {
        let mut values: Vec<Value> = vec![until.0.into()];
        let mut texts = Vec::new();
        for pair in pairs {
            texts.push(format!("({}, $1)", placeholders(values.len() + 1, 3)));
            values.extend([pair.user.into(), pair.channel.into(), pair.app.into()]);
        }
        let sql = format!(
            "INSERT INTO windows (user_num, channel_num, app, until_at) VALUES {} \
             ON CONFLICT (user_num, channel_num, app) DO UPDATE SET until_at = excluded.until_at",
            texts.join(",")
        );
        execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Closes the windows of pairs that nothing was sent to, if they are still those that were opened.
pub async fn close_windows(
    connection: &impl ConnectionTrait,
    mut pairs: Vec<Pair>,
    until: Micros,
) -> Result<()> {
    pairs.sort_unstable();
    pairs.dedup();
    for pairs in pairs.chunks(STEP) {
        let mut values: Vec<Value> = vec![until.0.into()];
        let mut texts = Vec::new();
        for pair in pairs {
            let at = values.len() + 1;
            texts.push(format!("(user_num = ${at} AND channel_num = ${} AND app = ${})", at + 1, at + 2));
            values.extend([pair.user.into(), pair.channel.into(), pair.app.into()]);
        }
        let sql = format!("DELETE FROM windows WHERE until_at = $1 AND ({})", texts.join(" OR "));
        execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Removes windows that are over, a step at a time.
pub async fn prune_windows(connection: &impl ConnectionTrait, now: Micros) -> Result<u64> {
    // By the index of ends alone: whichever a window of that time is, it is over.
    let sql = "DELETE FROM windows WHERE until_at <= $1 AND until_at <= (SELECT MAX(until_at) FROM \
               (SELECT until_at FROM windows WHERE until_at <= $1 ORDER BY until_at LIMIT 1000) ended)";
    execute(connection, sql, vec![now.0.into()]).await
}

/// Removes what a user was to be told of.
pub async fn remove_of_user(connection: &impl ConnectionTrait, app: Uuid, user: Num) -> Result<()> {
    for table in ["pending", "windows"] {
        let sql = format!("DELETE FROM {table} WHERE user_num = $1 AND app = $2");
        execute(connection, sql, vec![user.into(), app.into()]).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Rows that are not decided yet, of all apps.
pub async fn depth(connection: &impl ConnectionTrait) -> Result<i64> {
    let count: Option<Count> = query_one(connection, "SELECT COUNT(*) AS count FROM pending", vec![]).await?;
    Ok(count.map_or(0, |row| row.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_left_takes_no_more_than_half_of_the_places() {
        let store = parlance_testkit::temp_store(crate::migrate).await;
        let now = Micros::from_secs(1_790_000_000);
        let (failing, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let rows = |app, nums: std::ops::Range<i64>| -> Vec<Pending> {
            nums.map(|num| Pending::new(num, app, num, 9, now)).collect()
        };
        let write = store.begin().await.unwrap();
        let connection = write.connection();
        add(connection, rows(failing, 1..21), now, now).await.unwrap();
        let taken = claim(connection, 20, "gone", now, now, &[]).await.unwrap();
        assert_eq!(taken.len(), 20);
        add(connection, rows(other, 101..121), now, now).await.unwrap();
        let of = |rows: &[Pending], app| rows.iter().filter(|row| row.app == app).count();
        let taken = claim(connection, 10, "mine", now, now, &[]).await.unwrap();
        assert_eq!((of(&taken, failing), of(&taken, other)), (5, 5));
        assert!(any_due(connection, now, &[other]).await.unwrap());
        assert!(!any_due(connection, now, &[failing, other]).await.unwrap());
        let taken = claim(connection, 10, "mine", now, now, &[failing]).await.unwrap();
        assert_eq!((of(&taken, failing), of(&taken, other)), (0, 10));
        let held = remove(connection, "mine", &[1, 101, 102]).await.unwrap();
        assert!(held.contains(&101) && held.contains(&102));
        assert_eq!(remove(connection, "mine", &[101, 102]).await.unwrap(), [0; 0], "they are gone");
    }
}
