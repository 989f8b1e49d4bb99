//! Preferences: one row for each user who has changed something.

use parlance_core::{Micros, Num, Result};
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{execute, for_update, padded, placeholders, query};
use crate::domain::preferences::Preferences;

#[derive(FromQueryResult)]
struct Row {
    user_num: i64,
    push_enabled: bool,
    new_messages: bool,
    mentions: bool,
    reactions: bool,
    channel_invites: bool,
    thread_replies: bool,
    quiet_hours_enabled: bool,
    quiet_start: i32,
    quiet_end: i32,
    timezone: String,
}

impl From<Row> for Preferences {
    fn from(row: Row) -> Self {
        Self {
            push_enabled: row.push_enabled,
            new_messages: row.new_messages,
            mentions: row.mentions,
            reactions: row.reactions,
            channel_invites: row.channel_invites,
            thread_replies: row.thread_replies,
            quiet_hours_enabled: row.quiet_hours_enabled,
            quiet_start: row.quiet_start,
            quiet_end: row.quiet_end,
            timezone: row.timezone,
        }
    }
}

const COLUMNS: &str = "user_num, push_enabled, new_messages, mentions, reactions, channel_invites, \
                       thread_replies, quiet_hours_enabled, quiet_start, quiet_end, timezone";

/// Preferences of some users; those who never changed any are left out.
pub async fn of_users(
    connection: &impl ConnectionTrait,
    app: Uuid,
    users: Vec<Num>,
) -> Result<Vec<(Num, Preferences)>> {
    select(connection, app, users, "").await
}

/// A user's preferences, kept from others until the transaction ends.
pub async fn lock(
    connection: &impl ConnectionTrait,
    app: Uuid,
    user: Num,
    now: Micros,
) -> Result<Preferences> {
    let usual = Preferences::default();
    // Whoever comes first makes the row, so that there is one to lock.
    write(connection, app, user, &usual, now, "DO NOTHING").await?;
    let rows = select(connection, app, vec![user], for_update(connection.get_database_backend())).await?;
    Ok(rows.into_iter().next().map_or(usual, |(_, preferences)| preferences))
}

pub async fn save(
    connection: &impl ConnectionTrait,
    app: Uuid,
    user: Num,
    preferences: &Preferences,
    now: Micros,
) -> Result<()> {
    let update = "DO UPDATE SET push_enabled = excluded.push_enabled, new_messages = excluded.new_messages, \
                  mentions = excluded.mentions, reactions = excluded.reactions, \
                  channel_invites = excluded.channel_invites, thread_replies = excluded.thread_replies, \
                  quiet_hours_enabled = excluded.quiet_hours_enabled, quiet_start = excluded.quiet_start, \
                  quiet_end = excluded.quiet_end, timezone = excluded.timezone, updated_at = excluded.updated_at";
    write(connection, app, user, preferences, now, update).await
}

pub async fn remove(connection: &impl ConnectionTrait, app: Uuid, user: Num) -> Result<u64> {
    execute(
        connection,
        "DELETE FROM preferences WHERE app = $1 AND user_num = $2",
        vec![app.into(), user.into()],
    )
    .await
}

async fn select(
    connection: &impl ConnectionTrait,
    app: Uuid,
    users: Vec<Num>,
    suffix: &str,
) -> Result<Vec<(Num, Preferences)>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let users = padded(users);
    let sql = format!(
        "SELECT {COLUMNS} FROM preferences WHERE app = $1 AND user_num IN ({}){suffix}",
        placeholders(2, users.len())
    );
    let values = std::iter::once(app.into()).chain(users.into_iter().map(Into::into)).collect();
    let rows: Vec<Row> = query(connection, sql, values).await?;
    Ok(rows.into_iter().map(|row| (row.user_num, row.into())).collect())
}

async fn write(
    connection: &impl ConnectionTrait,
    app: Uuid,
    user: Num,
    preferences: &Preferences,
    now: Micros,
    on_conflict: &str,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO preferences ({COLUMNS}, app, updated_at) VALUES ({}) \
         ON CONFLICT (user_num, app) {on_conflict}",
        placeholders(1, 13)
    );
    let values = vec![
        user.into(),
        preferences.push_enabled.into(),
        preferences.new_messages.into(),
        preferences.mentions.into(),
        preferences.reactions.into(),
        preferences.channel_invites.into(),
        preferences.thread_replies.into(),
        preferences.quiet_hours_enabled.into(),
        preferences.quiet_start.into(),
        preferences.quiet_end.into(),
        preferences.timezone.clone().into(),
        app.into(),
        now.0.into(),
    ];
    execute(connection, sql, values).await?;
    Ok(())
}
