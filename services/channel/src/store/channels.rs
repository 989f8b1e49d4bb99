use std::sync::LazyLock;

use parlance_core::{Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
    Set, Statement,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::channel::{ActiveModel, Column, Entity, Model};
use super::{columns, padded};

/// Nums in one statement.
const MAX_NUMS: usize = 1000;

fn live(app: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::App.eq(app)).filter(Column::DeletedAt.is_null())
}

/// A live channel.
pub async fn find<C: ConnectionTrait>(connection: &C, app: Uuid, num: Num) -> Result<Option<Model>> {
    live(app).filter(Column::Num.eq(num)).one(connection).await.map_err(store_error)
}

/// The live ones among these, in no particular order.
pub async fn find_many(store: &Store, app: Uuid, nums: &[Num]) -> Result<Vec<Model>> {
    if nums.is_empty() {
        return Ok(Vec::new());
    }
    live(app)
        .filter(Column::Num.is_in(padded(nums.iter().copied())))
        .all(store.read())
        .await
        .map_err(store_error)
}

/// The same, whether live or deleted.
pub async fn find_many_ever(store: &Store, app: Uuid, nums: &[Num]) -> Result<Vec<Model>> {
    if nums.is_empty() {
        return Ok(Vec::new());
    }
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::Num.is_in(padded(nums.iter().copied())))
        .all(store.read())
        .await
        .map_err(store_error)
}

/// A live channel, locked until the end of the transaction (on SQLite the writer is alone anyway).
pub async fn lock(write: &Write, app: Uuid, num: Num) -> Result<Option<Model>> {
    live(app).filter(Column::Num.eq(num)).lock_exclusive().one(write.connection()).await.map_err(store_error)
}

/// The live channels of a locked workspace but for direct ones, locked in rising order.
pub async fn lock_of_workspace(write: &Write, app: Uuid, workspace: Num) -> Result<Vec<Model>> {
    live(app)
        .filter(Column::WorkspaceNum.eq(workspace))
        .filter(Column::DistinctKey.is_null())
        .order_by_asc(Column::Num)
        .lock_exclusive()
        .all(write.connection())
        .await
        .map_err(store_error)
}

/// Raises the policy version of locked channels by one.
pub async fn raise_policy(write: &Write, app: Uuid, nums: &[Num]) -> Result<()> {
    for some in nums.chunks(MAX_NUMS) {
        Entity::update_many()
            .col_expr(Column::PolicyVersion, Expr::col(Column::PolicyVersion).add(1))
            .filter(Column::App.eq(app))
            .filter(Column::Num.is_in(some.iter().copied()))
            .exec(write.connection())
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

/// Leaves the direct channels of a workspace that ends to their members alone.
pub async fn release_direct(write: &Write, app: Uuid, workspace: Num) -> Result<()> {
    Entity::update_many()
        .set(ActiveModel { workspace_num: Set(None), ..Default::default() })
        .filter(Column::App.eq(app))
        .filter(Column::WorkspaceNum.eq(workspace))
        .filter(Column::DistinctKey.is_not_null())
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// The live direct channel of a pair.
pub async fn find_direct<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    distinct_key: &str,
) -> Result<Option<Model>> {
    live(app).filter(Column::DistinctKey.eq(distinct_key)).one(connection).await.map_err(store_error)
}

/// The keys by which a creation is known to be a repeat.
#[derive(Debug, Clone, Default)]
pub struct RepeatKeys {
    pub creator: Num,
    pub idempotency_key: Option<String>,
    pub distinct_key: Option<String>,
}

/// The live channel that was created with one of these keys; the idempotency key comes first.
pub async fn find_repeat<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    keys: &RepeatKeys,
) -> Result<Option<Model>> {
    if let Some(key) = &keys.idempotency_key {
        let select =
            live(app).filter(Column::CreatorNum.eq(keys.creator)).filter(Column::IdempotencyKey.eq(key));
        let first = select.one(connection).await.map_err(store_error)?;
        if first.is_some() {
            return Ok(first);
        }
    }
    match &keys.distinct_key {
        Some(key) => live(app).filter(Column::DistinctKey.eq(key)).one(connection).await.map_err(store_error),
        None => Ok(None),
    }
}

/// The live channel with a client's own id.
pub async fn find_by_id<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    type_name: &str,
    id: &str,
) -> Result<Option<Model>> {
    live(app)
        .filter(Column::TypeName.eq(type_name))
        .filter(Column::Id.eq(id))
        .one(connection)
        .await
        .map_err(store_error)
}

/// Inserts the channel unless one of its keys is taken; says whether it did.
pub async fn insert(write: &Write, channel: Model) -> Result<bool> {
    let inserted = Entity::insert(channel.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(inserted > 0)
}

/// Writes what the service itself changes in a locked channel; seq and time of its newest message are
/// [`super::touch`]'s.
pub async fn save(write: &Write, channel: &Model) -> Result<()> {
    let columns = ActiveModel {
        name: Set(channel.name.clone()),
        description: Set(channel.description.clone()),
        image: Set(channel.image.clone()),
        config: Set(channel.config.clone()),
        discoverable: Set(channel.discoverable),
        open_in_workspace: Set(channel.open_in_workspace),
        frozen: Set(channel.frozen),
        member_count: Set(channel.member_count),
        policy_version: Set(channel.policy_version),
        updated_at: Set(channel.updated_at),
        deleted_at: Set(channel.deleted_at),
        ..Default::default()
    };
    Entity::update_many()
        .set(columns)
        .filter(Column::App.eq(channel.app))
        .filter(Column::Num.eq(channel.num))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// The joined channels come by the members' index, as many discoverable ones as the page can hold by
/// the listing index, already in order; so do those that are open in each of the user's workspaces. The
/// cross join tells SQLite to start from them.
static LIST: LazyLock<String> = LazyLock::new(|| format!("SELECT {} {FROM_SEEN}", columns::<Column>("c")));
const FROM_SEEN: &str = "FROM (\
SELECT m.channel_num AS num FROM members m WHERE m.user_num = $2 AND m.app = $1 AND m.status = 'member' \
UNION \
SELECT d.num FROM (\
SELECT num FROM channels WHERE app = $1 AND discoverable AND deleted_at IS NULL AND ($3 = '' OR type = $3) \
ORDER BY last_message_at DESC, created_at DESC, num LIMIT $4) d \
UNION \
SELECT e.num FROM (\
SELECT o.num FROM workspace_members w JOIN channels o ON o.workspace_num = w.workspace_num AND o.app = $1 \
AND o.open_in_workspace AND o.deleted_at IS NULL AND ($3 = '' OR o.type = $3) \
WHERE w.user_num = $2 AND w.app = $1 AND ($7 = 0 OR w.workspace_num = $7) \
ORDER BY o.last_message_at DESC, o.created_at DESC, o.num LIMIT $4) e) seen CROSS JOIN channels c \
WHERE c.num = seen.num AND c.app = $1 AND c.deleted_at IS NULL AND ($3 = '' OR c.type = $3) \
AND ($7 = 0 OR c.workspace_num = $7) \
ORDER BY c.last_message_at DESC, c.created_at DESC, c.num LIMIT $5 OFFSET $6";

/// What is to be listed. An empty type and the workspace 0 mean all.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    pub type_name: &'a str,
    pub workspace: Num,
    pub limit: u64,
    pub offset: u64,
}

/// Channels that the user is a member of or may discover: newest activity first, silent ones last, then
/// newest created, then num.
pub async fn list(store: &Store, app: Uuid, user: Num, page: Page<'_>) -> Result<Vec<Model>> {
    let (limit, offset) = (page.limit as i64, page.offset as i64);
    let values = [
        app.into(),
        user.into(),
        page.type_name.into(),
        (offset + limit).into(),
        limit.into(),
        offset.into(),
        page.workspace.into(),
    ];
    Entity::find()
        .from_raw_sql(Statement::from_sql_and_values(store.backend(), LIST.as_str(), values))
        .all(store.read())
        .await
        .map_err(store_error)
}
