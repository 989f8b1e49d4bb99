//! The queue: one row for each notification to each device, until it was taken or given up and forgotten.

use parlance_core::{Micros, Num, Result};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::{execute, placeholders, query, query_one, skip_locked};

/// Rows of one statement.
const STEP: usize = 200;

/// `state` of a delivery that waits for its push service. In the texts below: 0.
pub const WAITING: i16 = 0;
/// … that was taken, and whose receipt is to be asked for: 1.
pub const TAKEN: i16 = 1;
/// … that was given up: 2.
pub const DEAD: i16 = 2;

/// A row of the queue.
#[derive(Clone, FromQueryResult)]
pub struct Delivery {
    pub id: Uuid,
    pub app: Uuid,
    pub provider: i16,
    pub user_num: i64,
    /// 0 = to the user, not to a device (Novu).
    pub device_num: i64,
    pub event: String,
    pub channel_num: i64,
    pub message_num: i64,
    /// What is shown, as JSON.
    pub payload: String,
    pub state: i16,
    pub attempts: i32,
    pub due_at: i64,
    /// When what it tells of happened.
    pub happened_at: i64,
    pub created_at: i64,
    pub expires_at: i64,
    pub receipt: String,
    pub error: String,
    pub died_at: Option<i64>,
}

const COLUMNS: &str = "id, app, provider, user_num, device_num, event, channel_num, message_num, payload, state, \
                       attempts, due_at, happened_at, created_at, expires_at, receipt, error, died_at";

/// Adds rows; one that is there already stays as it is.
pub async fn insert(connection: &impl ConnectionTrait, rows: Vec<Delivery>) -> Result<u64> {
    const WIDTH: usize = 18;
    let mut added = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let (mut values, mut texts) = (Vec::<Value>::new(), Vec::new());
        for row in rows.by_ref().take(STEP) {
            texts.push(format!("({},'',0)", placeholders(values.len() + 1, WIDTH)));
            values.extend([
                row.id.into(),
                row.app.into(),
                row.provider.into(),
                row.user_num.into(),
                row.device_num.into(),
                row.event.into(),
                row.channel_num.into(),
                row.message_num.into(),
                row.payload.into(),
                row.state.into(),
                row.attempts.into(),
                row.due_at.into(),
                row.happened_at.into(),
                row.created_at.into(),
                row.expires_at.into(),
                row.receipt.into(),
                row.error.into(),
                row.died_at.into(),
            ]);
        }
        let sql = format!(
            "INSERT INTO deliveries ({COLUMNS}, claim, claimed_until) VALUES {} ON CONFLICT (id) DO NOTHING",
            texts.join(",")
        );
        added += execute(connection, sql, values).await?;
    }
    Ok(added)
}

/// A push service of an app, as the queue knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromQueryResult)]
pub struct LaneKey {
    pub app: Uuid,
    pub provider: i16,
}

/// Rows looked at for lanes with work.
const LOOK: u32 = 2_000;

/// Lanes with deliveries of a state that are due, the oldest first, without those named.
pub async fn lanes(
    connection: &impl ConnectionTrait,
    state: i16,
    now: Micros,
    without: &[LaneKey],
) -> Result<Vec<LaneKey>> {
    let mut values: Vec<Value> = vec![now.0.into()];
    let mut others = String::new();
    for lane in without {
        others.push_str(&format!(
            " AND NOT (app = ${} AND provider = ${})",
            values.len() + 1,
            values.len() + 2
        ));
        values.extend([lane.app.into(), lane.provider.into()]);
    }
    // The state stands in the text, so that the index of that state is used.
    let sql = format!(
        "SELECT app, provider FROM (SELECT app, provider, due_at FROM deliveries WHERE state = {state} \
         AND due_at <= $1 AND claimed_until <= $1{others} ORDER BY due_at LIMIT {LOOK}) due \
         GROUP BY app, provider ORDER BY MIN(due_at)"
    );
    query(connection, sql, values).await
}

/// Takes due deliveries of a lane and a state for a while; whoever holds them says `claim`.
pub async fn claim(
    connection: &impl ConnectionTrait,
    lane: LaneKey,
    state: i16,
    most: u32,
    claim: &str,
    now: Micros,
    until: Micros,
) -> Result<Vec<Delivery>> {
    let locked = skip_locked(connection.get_database_backend());
    let sql = format!(
        "UPDATE deliveries SET claim = $4, claimed_until = $5 WHERE id IN (SELECT id FROM deliveries \
         WHERE app = $1 AND provider = $2 AND state = {state} AND due_at <= $3 AND claimed_until <= $3 \
         ORDER BY due_at LIMIT {most}{locked}) RETURNING {COLUMNS}"
    );
    let values = vec![lane.app.into(), lane.provider.into(), now.0.into(), claim.into(), until.0.into()];
    let mut rows: Vec<Delivery> = query(connection, sql, values).await?;
    rows.sort_by_key(|row| (row.due_at, row.id));
    Ok(rows)
}

/// What has become of a claimed delivery that stays in the table.
pub struct Settled {
    pub id: Uuid,
    pub state: i16,
    pub attempts: i32,
    pub due_at: Micros,
    pub receipt: String,
    pub error: String,
    pub died_at: Option<Micros>,
}

/// Writes what became of claimed deliveries, and frees them. Those that another holder has taken over
/// meanwhile stay as they are.
pub async fn settle(connection: &impl ConnectionTrait, claim: &str, settled: &[Settled]) -> Result<()> {
    for rows in settled.chunks(STEP) {
        let mut values: Vec<Value> = vec![claim.into()];
        let mut texts = Vec::new();
        for row in rows {
            texts.push(format!("({})", placeholders(values.len() + 1, 7)));
            values.extend([
                row.id.into(),
                row.state.into(),
                row.attempts.into(),
                row.due_at.0.into(),
                row.receipt.clone().into(),
                row.error.clone().into(),
                row.died_at.map(|at| at.0).into(),
            ]);
        }
        let sql = format!(
            "WITH v (id, state, attempts, due_at, receipt, error, died_at) AS (VALUES {}) \
             UPDATE deliveries SET state = v.state, attempts = v.attempts, due_at = v.due_at, \
             receipt = v.receipt, error = v.error, died_at = v.died_at, claim = '', claimed_until = 0 \
             FROM v WHERE deliveries.id = v.id AND deliveries.claim = $1",
            texts.join(",")
        );
        execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Removes claimed deliveries that are done.
pub async fn remove(connection: &impl ConnectionTrait, claim: &str, ids: &[Uuid]) -> Result<u64> {
    let mut removed = 0;
    for ids in ids.chunks(STEP) {
        let sql =
            format!("DELETE FROM deliveries WHERE claim = $1 AND id IN ({})", placeholders(2, ids.len()));
        let values = std::iter::once(claim.into()).chain(ids.iter().map(|id| (*id).into())).collect();
        removed += execute(connection, sql, values).await?;
    }
    Ok(removed)
}

/// Puts off whatever of a lane is due earlier: its push service is not to be asked before. Claimed ones
/// are left to their holder.
pub async fn hold(
    connection: &impl ConnectionTrait,
    lane: LaneKey,
    now: Micros,
    until: Micros,
) -> Result<u64> {
    execute(
        connection,
        "UPDATE deliveries SET due_at = $4 WHERE app = $1 AND provider = $2 AND state = 0 AND due_at < $4 \
         AND claimed_until <= $3",
        vec![lane.app.into(), lane.provider.into(), now.0.into(), until.0.into()],
    )
    .await
}

/// Has whatever of a lane waits after a failure be due now: its push service answers again.
pub async fn hasten(connection: &impl ConnectionTrait, lane: LaneKey, now: Micros) -> Result<u64> {
    execute(
        connection,
        "UPDATE deliveries SET due_at = $3 WHERE app = $1 AND provider = $2 AND state = 0 AND due_at > $3",
        vec![lane.app.into(), lane.provider.into(), now.0.into()],
    )
    .await
}

/// Frees what a process held that is no more. Only where no other process may hold any.
pub async fn free_all(connection: &impl ConnectionTrait) -> Result<u64> {
    let sql = "UPDATE deliveries SET claim = '', claimed_until = 0 WHERE claimed_until > 0";
    execute(connection, sql, vec![]).await
}

/// A page of what was given up, newest first, after a row.
pub async fn dead(
    connection: &impl ConnectionTrait,
    app: Uuid,
    after: Option<(i64, Uuid)>,
    most: u32,
) -> Result<Vec<Delivery>> {
    let mut values: Vec<Value> = vec![app.into()];
    let mut past = "";
    if let Some((died_at, id)) = after {
        values.extend([died_at.into(), id.into()]);
        past = " AND (died_at < $2 OR (died_at = $2 AND id < $3))";
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE app = $1 AND state = 2{past} \
         ORDER BY died_at DESC, id DESC LIMIT {most}"
    );
    query(connection, sql, values).await
}

/// One that was given up.
pub async fn find_dead(connection: &impl ConnectionTrait, app: Uuid, id: Uuid) -> Result<Option<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE app = $1 AND id = $2 AND state = 2");
    query_one(connection, sql, vec![app.into(), id.into()]).await
}

/// Which of an app's dead letters are meant.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    These(&'a [Uuid]),
    /// Some of those given up until an instant.
    Until(Micros),
}

fn meant(which: Which<'_>, values: &mut Vec<Value>) -> String {
    match which {
        Which::These(ids) => {
            let text = format!("id IN ({})", placeholders(values.len() + 1, ids.len()));
            values.extend(ids.iter().map(|id| Value::from(*id)));
            text
        }
        Which::Until(at) => {
            values.push(at.0.into());
            format!(
                "id IN (SELECT id FROM deliveries WHERE app = $1 AND state = 2 AND died_at <= ${} \
                 ORDER BY died_at, id LIMIT {STEP})",
                values.len()
            )
        }
    }
}

/// Queues dead letters again, with the ids that they had.
pub async fn replay(
    connection: &impl ConnectionTrait,
    app: Uuid,
    which: Which<'_>,
    now: Micros,
    expires_at: Micros,
) -> Result<u64> {
    let mut values: Vec<Value> = vec![app.into(), now.0.into(), expires_at.0.into()];
    let meant = meant(which, &mut values);
    let sql = format!(
        "UPDATE deliveries SET state = 0, attempts = 0, due_at = $2, expires_at = $3, died_at = NULL, \
         claim = '', claimed_until = 0 WHERE app = $1 AND state = 2 AND {meant}"
    );
    execute(connection, sql, values).await
}

/// Forgets dead letters.
pub async fn discard(connection: &impl ConnectionTrait, app: Uuid, which: Which<'_>) -> Result<u64> {
    let mut values: Vec<Value> = vec![app.into()];
    let meant = meant(which, &mut values);
    let sql = format!("DELETE FROM deliveries WHERE app = $1 AND state = 2 AND {meant}");
    execute(connection, sql, values).await
}

/// Forgets what was given up before an instant, a step at a time.
pub async fn prune_dead(connection: &impl ConnectionTrait, before: Micros) -> Result<u64> {
    let sql = format!(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state = 2 AND died_at < $1 \
         ORDER BY died_at LIMIT {STEP})"
    );
    execute(connection, sql, vec![before.0.into()]).await
}

/// Removes everything that is on its way to a user, or was given up.
pub async fn remove_of_user(connection: &impl ConnectionTrait, app: Uuid, user: Num) -> Result<u64> {
    let sql = "DELETE FROM deliveries WHERE user_num = $2 AND app = $1";
    execute(connection, sql, vec![app.into(), user.into()]).await
}

/// How many there are, and when the oldest was made.
#[derive(Debug, Default, FromQueryResult)]
pub struct Depth {
    pub count: i64,
    pub oldest_at: Option<i64>,
}

/// Those of an app that wait (0) or were given up (2).
pub async fn depth_of_app(connection: &impl ConnectionTrait, app: Uuid, state: i16) -> Result<Depth> {
    // The state stands in the text, so that the index of that state is used.
    let sql = format!(
        "SELECT COUNT(*) AS count, MIN(created_at) AS oldest_at FROM deliveries WHERE app = $1 AND state = {state}"
    );
    Ok(query_one(connection, sql, vec![app.into()]).await?.unwrap_or_default())
}

/// Those of all apps in a state.
pub async fn depth(connection: &impl ConnectionTrait, state: i16) -> Result<Depth> {
    let sql = format!(
        "SELECT COUNT(*) AS count, MIN(created_at) AS oldest_at FROM deliveries WHERE state = {state}"
    );
    Ok(query_one(connection, sql, vec![]).await?.unwrap_or_default())
}
