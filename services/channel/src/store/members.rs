use std::collections::BTreeSet;

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, Set, Statement, Value, sea_query::OnConflict,
};
use uuid::Uuid;

use super::member::{ActiveModel, Column, Entity, MEMBER, Model};
use super::{columns, padded};
use crate::domain::Role;

fn current(app: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::App.eq(app)).filter(Column::Status.eq(MEMBER))
}

fn in_order(select: Select<Entity>) -> Select<Entity> {
    select.order_by_desc(Column::Rank).order_by_asc(Column::JoinedAt).order_by_asc(Column::UserNum)
}

/// A new membership.
pub fn fresh(app: Uuid, channel: Num, user: Num, role: Role, joined_seq: i64, now: Micros) -> Model {
    Model {
        channel_num: channel,
        user_num: user,
        app,
        role: role.as_str().to_owned(),
        rank: role.rank(),
        status: MEMBER.to_owned(),
        joined_seq,
        visible_from_seq: 0,
        muted_until: None,
        starred: false,
        pinned: false,
        hidden: false,
        archived: false,
        banned_until: None,
        shadow_banned: false,
        custom: String::new(),
        joined_at: now.0,
        updated_at: now.0,
    }
}

pub async fn find<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    channel: Num,
    user: Num,
) -> Result<Option<Model>> {
    current(app)
        .filter(Column::ChannelNum.eq(channel))
        .filter(Column::UserNum.eq(user))
        .one(connection)
        .await
        .map_err(store_error)
}

/// Which of these users are members.
pub async fn present<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    channel: Num,
    users: &BTreeSet<Num>,
) -> Result<BTreeSet<Num>> {
    if users.is_empty() {
        return Ok(BTreeSet::new());
    }
    let nums: Vec<Num> = current(app)
        .filter(Column::ChannelNum.eq(channel))
        .filter(Column::UserNum.is_in(padded(users.iter().copied())))
        .select_only()
        .column(Column::UserNum)
        .into_tuple()
        .all(connection)
        .await
        .map_err(store_error)?;
    Ok(nums.into_iter().collect())
}

/// One user's memberships in these channels.
pub async fn of_user<C: ConnectionTrait>(
    connection: &C,
    app: Uuid,
    user: Num,
    channels: &[Num],
) -> Result<Vec<Model>> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    current(app)
        .filter(Column::UserNum.eq(user))
        .filter(Column::ChannelNum.is_in(padded(channels.iter().copied())))
        .all(connection)
        .await
        .map_err(store_error)
}

/// The memberships that exist among pairs of channel and user.
pub async fn of_pairs(store: &Store, app: Uuid, pairs: &[(Num, Num)]) -> Result<Vec<Model>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = vec![app.into()];
    let mut rows = Vec::new();
    for (channel, user) in padded(pairs.iter().copied()) {
        rows.push(format!("(${}, ${})", values.len() + 1, values.len() + 2));
        values.extend([channel.into(), user.into()]);
    }
    let sql = format!(
        "WITH q(channel_num, user_num) AS (VALUES {}) SELECT DISTINCT {} FROM q JOIN members m \
         ON m.channel_num = q.channel_num AND m.user_num = q.user_num \
         WHERE m.app = $1 AND m.status = 'member'",
        rows.join(", "),
        columns::<Column>("m")
    );
    Entity::find()
        .from_raw_sql(Statement::from_sql_and_values(store.backend(), sql, values))
        .all(store.read())
        .await
        .map_err(store_error)
}

/// A page of members: highest role first, then the oldest.
pub async fn list(store: &Store, app: Uuid, channel: Num, limit: u64, offset: u64) -> Result<Vec<Model>> {
    in_order(current(app).filter(Column::ChannelNum.eq(channel)))
        .limit(limit)
        .offset(offset)
        .all(store.read())
        .await
        .map_err(store_error)
}

/// The first members of each of some live channels; those of one channel come together and in order.
///
/// One walk along the members' index per channel, each ending after `each` rows, however many members
/// there are: a window function would read them all.
pub async fn first_of_each(store: &Store, app: Uuid, channels: &[Num], each: u64) -> Result<Vec<Model>> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let distinct: BTreeSet<Num> = channels.iter().copied().collect();
    let size = distinct.len().next_power_of_two();
    // No channel is 0: few distinct statements, and nobody is named twice.
    let nums = distinct.into_iter().chain(std::iter::repeat(0)).take(size);
    let mut values: Vec<Value> = vec![app.into(), (each as i64).into()];
    values.extend(nums.map(Value::from));
    let (inner, outer) = (columns::<Column>("members"), columns::<Column>("m"));
    let walks: Vec<String> = (3..=values.len())
        .map(|n| {
            format!(
                "SELECT * FROM (SELECT {inner} FROM members WHERE channel_num = ${n} AND app = $1 \
                 AND status = 'member' ORDER BY rank DESC, joined_at, user_num LIMIT $2) w{n}"
            )
        })
        .collect();
    let sql = format!(
        "SELECT {outer} FROM ({}) m JOIN channels c ON c.num = m.channel_num AND c.deleted_at IS NULL \
         ORDER BY m.channel_num, m.rank DESC, m.joined_at, m.user_num",
        walks.join(" UNION ALL ")
    );
    Entity::find()
        .from_raw_sql(Statement::from_sql_and_values(store.backend(), sql, values))
        .all(store.read())
        .await
        .map_err(store_error)
}

/// The first members in order, by num.
pub async fn first_nums(write: &Write, app: Uuid, channel: Num, most: u64) -> Result<Vec<Num>> {
    in_order(current(app).filter(Column::ChannelNum.eq(channel)))
        .limit(most)
        .select_only()
        .column(Column::UserNum)
        .into_tuple()
        .all(write.connection())
        .await
        .map_err(store_error)
}

/// The oldest member of the highest role.
pub async fn senior(write: &Write, app: Uuid, channel: Num) -> Result<Option<Model>> {
    in_order(current(app).filter(Column::ChannelNum.eq(channel)))
        .one(write.connection())
        .await
        .map_err(store_error)
}

pub async fn count_owners(write: &Write, app: Uuid, channel: Num) -> Result<u64> {
    current(app)
        .filter(Column::ChannelNum.eq(channel))
        .filter(Column::Role.eq(Role::Owner.as_str()))
        .count(write.connection())
        .await
        .map_err(store_error)
}

/// Makes these people members; a row of somebody who was only invited becomes a membership.
pub async fn add(write: &Write, members: Vec<Model>) -> Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let renewed =
        [Column::Role, Column::Rank, Column::Status, Column::JoinedSeq, Column::JoinedAt, Column::UpdatedAt];
    Entity::insert_many(members.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(
            OnConflict::columns([Column::ChannelNum, Column::UserNum]).update_columns(renewed).to_owned(),
        )
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Writes role and settings of a membership.
pub async fn save(write: &Write, member: &Model, now: Micros) -> Result<()> {
    let columns = ActiveModel {
        role: Set(member.role.clone()),
        rank: Set(member.rank),
        muted_until: Set(member.muted_until),
        starred: Set(member.starred),
        updated_at: Set(now.0),
        ..Default::default()
    };
    Entity::update_many()
        .set(columns)
        .filter(one(member.app, member.channel_num, member.user_num))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

pub async fn remove(write: &Write, app: Uuid, channel: Num, user: Num) -> Result<()> {
    Entity::delete_many()
        .filter(one(app, channel, user))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Removes every row of a user, those in deleted channels and open invitations too.
pub async fn remove_everywhere(write: &Write, app: Uuid, user: Num) -> Result<()> {
    Entity::delete_many()
        .filter(Column::App.eq(app))
        .filter(Column::UserNum.eq(user))
        .exec(write.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Channels that a user is a member of, deleted ones included, in rising order.
pub async fn channels_of(write: &Write, app: Uuid, user: Num) -> Result<Vec<Num>> {
    current(app)
        .filter(Column::UserNum.eq(user))
        .order_by_asc(Column::ChannelNum)
        .select_only()
        .column(Column::ChannelNum)
        .into_tuple()
        .all(write.connection())
        .await
        .map_err(store_error)
}

/// Others who share a live channel of at most `max_members` with the user, at most `most`; only those
/// `among` some, unless these are none. Those of whom one has blocked the other are left out.
pub async fn companions(
    store: &Store,
    app: Uuid,
    user: Num,
    max_members: i32,
    among: &[Num],
    most: i64,
) -> Result<Vec<Num>> {
    let mut values: Vec<Value> = vec![app.into(), user.into(), max_members.into(), most.into()];
    values.extend(padded(among.iter().copied()).into_iter().map(Value::from));
    let asked: Vec<String> = (5..=values.len()).map(|n| format!("${n}")).collect();
    let only =
        if asked.is_empty() { String::new() } else { format!(" AND o.user_num IN ({})", asked.join(", ")) };
    let sql = format!(
        "SELECT DISTINCT o.user_num FROM members m \
         JOIN channels c ON c.num = m.channel_num AND c.app = $1 AND c.deleted_at IS NULL \
         AND c.member_count <= $3 \
         JOIN members o ON o.channel_num = c.num AND o.status = 'member' AND o.user_num <> $2{only} \
         WHERE m.user_num = $2 AND m.app = $1 AND m.status = 'member' \
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_num = $2 AND b.blocked_num = o.user_num \
         AND b.app = $1) \
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_num = o.user_num AND b.blocked_num = $2 \
         AND b.app = $1) LIMIT $4"
    );
    let rows = store
        .read()
        .query_all_raw(Statement::from_sql_and_values(store.backend(), sql, values))
        .await
        .map_err(store_error)?;
    rows.iter().map(|row| row.try_get("", "user_num").map_err(store_error)).collect()
}

fn one(app: Uuid, channel: Num, user: Num) -> Condition {
    Condition::all()
        .add(Column::App.eq(app))
        .add(Column::ChannelNum.eq(channel))
        .add(Column::UserNum.eq(user))
}
