//! Devices: where a user can be reached.

use parlance_core::{Num, Result};
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{execute, padded, placeholders, query, query_one};

/// A device. `changed` rises whenever it is registered, so that replicas find out who has one.
#[derive(Clone, FromQueryResult)]
pub struct Device {
    pub num: i64,
    pub app: Uuid,
    pub user_num: i64,
    /// The user's public id: what is known of him outside goes by it when he is deleted.
    pub user_id: String,
    pub platform: String,
    pub provider: i16,
    pub token: String,
    pub device_id: String,
    pub app_version: String,
    pub p256dh: Option<Vec<u8>>,
    pub auth: Option<Vec<u8>>,
    pub created_at: i64,
    pub updated_at: i64,
    pub changed: i64,
}

const COLUMNS: &str = "num, app, user_num, user_id, platform, provider, token, device_id, app_version, \
                       p256dh, auth, created_at, updated_at, changed";

/// Adds a device, or renews the one with its token, which may have been another user's; gives the row as it
/// is then.
pub async fn register(
    connection: &impl ConnectionTrait,
    device: Device,
    token_key: Vec<u8>,
) -> Result<Option<Device>> {
    query_one(
        connection,
        format!(
            "INSERT INTO devices ({COLUMNS}, token_key) VALUES ({}) ON CONFLICT (token_key, app) DO UPDATE SET \
             user_num = excluded.user_num, user_id = excluded.user_id, platform = excluded.platform, provider = excluded.provider, \
             device_id = excluded.device_id, app_version = excluded.app_version, p256dh = excluded.p256dh, \
             auth = excluded.auth, updated_at = excluded.updated_at, changed = excluded.changed \
             RETURNING {COLUMNS}",
            placeholders(1, 15)
        ),
        vec![
            device.num.into(),
            device.app.into(),
            device.user_num.into(),
            device.user_id.into(),
            device.platform.into(),
            device.provider.into(),
            device.token.into(),
            device.device_id.into(),
            device.app_version.into(),
            device.p256dh.into(),
            device.auth.into(),
            device.created_at.into(),
            device.updated_at.into(),
            device.changed.into(),
            token_key.into(),
        ],
    )
    .await
}

/// Removes those of a user's devices that were not renewed for longest, down to `most`.
pub async fn trim(connection: &impl ConnectionTrait, app: Uuid, user: Num, most: u32) -> Result<u64> {
    execute(
        connection,
        "DELETE FROM devices WHERE app = $1 AND user_num = $2 AND num IN (SELECT num FROM devices \
         WHERE app = $1 AND user_num = $2 ORDER BY changed DESC LIMIT 1000000 OFFSET $3)",
        vec![app.into(), user.into(), i64::from(most).into()],
    )
    .await
}

/// A user's devices, oldest first.
pub async fn list(connection: &impl ConnectionTrait, app: Uuid, user: Num) -> Result<Vec<Device>> {
    of_users(connection, app, vec![user]).await
}

/// The devices of some users, oldest first.
pub async fn of_users(connection: &impl ConnectionTrait, app: Uuid, users: Vec<Num>) -> Result<Vec<Device>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let users = padded(users);
    let sql = format!(
        "SELECT {COLUMNS} FROM devices WHERE app = $1 AND user_num IN ({}) ORDER BY created_at, num",
        placeholders(2, users.len())
    );
    let values = std::iter::once(app.into()).chain(users.into_iter().map(Into::into)).collect();
    query(connection, sql, values).await
}

/// Devices by num.
pub async fn by_nums(connection: &impl ConnectionTrait, app: Uuid, nums: Vec<Num>) -> Result<Vec<Device>> {
    if nums.is_empty() {
        return Ok(Vec::new());
    }
    let nums = padded(nums);
    let sql =
        format!("SELECT {COLUMNS} FROM devices WHERE app = $1 AND num IN ({})", placeholders(2, nums.len()));
    let values = std::iter::once(app.into()).chain(nums.into_iter().map(Into::into)).collect();
    query(connection, sql, values).await
}

/// Removes those of a user's devices that are meant: by num, by the client's id, or by token.
pub async fn remove(
    connection: &impl ConnectionTrait,
    app: Uuid,
    user: Num,
    num: Num,
    device_id: &str,
    token_key: Vec<u8>,
) -> Result<u64> {
    execute(
        connection,
        "DELETE FROM devices WHERE app = $1 AND user_num = $2 AND (num = $3 OR device_id = $4 OR token_key = $5)",
        vec![app.into(), user.into(), num.into(), device_id.into(), token_key.into()],
    )
    .await
}

/// Removes a device whose token is dead; not if it has been registered again since.
pub async fn remove_dead(connection: &impl ConnectionTrait, device: &Device) -> Result<u64> {
    execute(
        connection,
        "DELETE FROM devices WHERE app = $1 AND num = $2 AND changed = $3",
        vec![device.app.into(), device.num.into(), device.changed.into()],
    )
    .await
}

/// Removes all devices of a user.
pub async fn remove_all(connection: &impl ConnectionTrait, app: Uuid, user: Num) -> Result<u64> {
    execute(connection, "DELETE FROM devices WHERE app = $1 AND user_num = $2", vec![app.into(), user.into()])
        .await
}

#[derive(FromQueryResult)]
struct Owner {
    user_num: i64,
}

/// Which of these users have a device.
pub async fn owners_among(connection: &impl ConnectionTrait, app: Uuid, users: &[Num]) -> Result<Vec<Num>> {
    let mut owners = Vec::new();
    for users in users.chunks(1024) {
        let users = padded(users.to_vec());
        let sql = format!(
            "SELECT DISTINCT user_num FROM devices WHERE app = $1 AND user_num IN ({})",
            placeholders(2, users.len())
        );
        let values = std::iter::once(app.into()).chain(users.into_iter().map(Into::into)).collect();
        let rows: Vec<Owner> = query(connection, sql, values).await?;
        owners.extend(rows.into_iter().map(|row| row.user_num));
    }
    Ok(owners)
}

/// Somebody who has registered a device.
#[derive(FromQueryResult)]
pub struct Registered {
    pub app: Uuid,
    pub user_num: i64,
    pub changed: i64,
}

/// Who has registered a device after a point of `changed`, oldest first.
pub async fn registered_since(
    connection: &impl ConnectionTrait,
    changed: i64,
    most: u32,
) -> Result<Vec<Registered>> {
    let sql = format!(
        "SELECT app, user_num, changed FROM devices WHERE changed > $1 ORDER BY changed LIMIT {most}"
    );
    query(connection, sql, vec![changed.into()]).await
}
