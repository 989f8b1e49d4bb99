//! Users. Those that are deleted keep a row without personal data, so that old messages have an author.

use std::collections::BTreeMap;

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, IntoIden, IntoValueTuple, LikeExpr, OnConflict, Query, TableRef};
use sea_orm::{Condition, ExprTrait as _, IntoActiveModel as _, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::fold::{compact, contains_pattern, fold};
use crate::domain::profile::Profile;

/// What `kind` holds for a person; the numbers are those of the protobuf enum.
pub const KIND_HUMAN: i16 = 1;
/// How often a user's activity is written at most.
const ACTIVITY_STEP: std::time::Duration = std::time::Duration::from_secs(60);
/// Most users that one question about handles can find.
const MAX_MATCHES: u64 = 10_000;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub num: i64,
    pub app: Uuid,
    pub id: String,
    pub kind: i16,
    pub name: String,
    pub email: String,
    pub image: String,
    pub role: String,
    /// JSON array of strings.
    pub teams: String,
    /// JSON object as text; empty = {}.
    pub custom: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub deactivated_at: Option<i64>,
    pub deleted_at: Option<i64>,
    /// Tokens issued before this instant do not count.
    pub tokens_valid_after: Option<i64>,
    pub last_active_at: Option<i64>,
    /// The id without regard to case.
    pub id_key: String,
    /// The shown name (the id, if there is none) without regard to case.
    pub name_key: String,
    /// `name_key` without spaces.
    pub name_compact: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub fn new(app: Uuid, num: Num, id: &str, profile: Profile, now: Micros) -> Self {
        let mut user = Self {
            num,
            app,
            id: id.to_owned(),
            kind: KIND_HUMAN,
            name: String::new(),
            email: String::new(),
            image: String::new(),
            role: "user".to_owned(),
            teams: "[]".to_owned(),
            custom: String::new(),
            created_at: now.0,
            updated_at: now.0,
            deactivated_at: None,
            deleted_at: None,
            tokens_valid_after: None,
            last_active_at: None,
            id_key: fold(id),
            name_key: String::new(),
            name_compact: String::new(),
        };
        user.set_profile(profile);
        user
    }

    pub fn profile(&self) -> Profile {
        Profile {
            name: self.name.clone(),
            email: self.email.clone(),
            image: self.image.clone(),
            custom: self.custom.clone(),
        }
    }

    /// Sets the profile and the columns that are derived from it.
    pub fn set_profile(&mut self, profile: Profile) {
        let shown = if profile.name.is_empty() { &self.id } else { &profile.name };
        (self.name_key, self.name_compact) = (fold(shown), compact(shown));
        Profile { name: self.name, email: self.email, image: self.image, custom: self.custom } = profile;
    }
}

/// Live users by id.
pub async fn find_live(store: &Store, app: Uuid, ids: &[&str]) -> Result<BTreeMap<String, Model>> {
    let found = live(app, ids).all(store.read()).await.map_err(store_error)?;
    Ok(by_id(found))
}

/// Live users by id, locked until the transaction ends, in the order of their ids.
pub async fn lock_live(write: &Write, app: Uuid, ids: &[&str]) -> Result<BTreeMap<String, Model>> {
    let found = live(app, ids)
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(write.connection())
        .await
        .map_err(store_error)?;
    Ok(by_id(found))
}

fn live(app: Uuid, ids: &[&str]) -> Select<Entity> {
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(Column::DeletedAt.is_null())
        .filter(Column::Id.is_in(ids.iter().copied()))
}

fn by_id(users: Vec<Model>) -> BTreeMap<String, Model> {
    users.into_iter().map(|user| (user.id.clone(), user)).collect()
}

/// A user by num, deleted or not.
pub async fn find(store: &Store, app: Uuid, num: Num) -> Result<Option<Model>> {
    Entity::find_by_id(num).filter(Column::App.eq(app)).one(store.read()).await.map_err(store_error)
}

/// The same within a transaction.
pub async fn find_in(write: &Write, app: Uuid, num: Num) -> Result<Option<Model>> {
    Entity::find_by_id(num).filter(Column::App.eq(app)).one(write.connection()).await.map_err(store_error)
}

/// Users by num (deleted or not) and by id (live), ordered by num.
pub async fn find_many(store: &Store, app: Uuid, nums: &[Num], ids: &[&str]) -> Result<Vec<Model>> {
    let mut any = Condition::any();
    if !nums.is_empty() {
        any = any.add(Column::Num.is_in(nums.iter().copied()));
    }
    if !ids.is_empty() {
        let live = Condition::all()
            .add(Column::App.eq(app))
            .add(Column::DeletedAt.is_null())
            .add(Column::Id.is_in(ids.iter().copied()));
        any = any.add(live);
    }
    Entity::find()
        .filter(Column::App.eq(app))
        .filter(any)
        .order_by_asc(Column::Num)
        .all(store.read())
        .await
        .map_err(store_error)
}

/// Live users by shown name, then id.
pub async fn list(
    store: &Store,
    app: Uuid,
    name_contains: &str,
    limit: u64,
    offset: u64,
) -> Result<Vec<Model>> {
    let mut select = Entity::find().filter(Column::App.eq(app)).filter(Column::DeletedAt.is_null());
    if !name_contains.is_empty() {
        let pattern = LikeExpr::new(contains_pattern(&fold(name_contains))).escape('\\');
        select = select.filter(Expr::col(Column::NameKey).like(pattern));
    }
    select
        .order_by_asc(Column::NameKey)
        .order_by_asc(Column::Id)
        .limit(limit)
        .offset(offset)
        .all(store.read())
        .await
        .map_err(store_error)
}

/// Live users whose folded id, name or name without spaces is one of these.
pub async fn find_by_handles(store: &Store, app: Uuid, handles: &[String]) -> Result<Vec<Model>> {
    // Each branch names app and liveness itself: only then does SQLite search all three indexes
    // instead of reading every user of the app.
    let any = [Column::IdKey, Column::NameKey, Column::NameCompact].into_iter().fold(
        Condition::any(),
        |any, column| {
            let found = Condition::all()
                .add(Column::App.eq(app))
                .add(Column::DeletedAt.is_null())
                .add(column.is_in(handles.iter().cloned()));
            any.add(found)
        },
    );
    Entity::find()
        .filter(any)
        .order_by_asc(Column::Num)
        .limit(MAX_MATCHES)
        .all(store.read())
        .await
        .map_err(store_error)
}

/// Adds users; those whose id is taken by a live user are left out.
pub async fn insert_missing(write: &Write, users: Vec<Model>) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let taken = OnConflict::columns([Column::App, Column::Id])
        .target_and_where(Expr::col(Column::DeletedAt).is_null())
        .do_nothing()
        .to_owned();
    Entity::insert_many(users.into_iter().map(|user| user.into_active_model()))
        .on_conflict(taken)
        .exec_without_returning(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Writes a locked user's profile back.
pub async fn update_profile(write: &Write, user: &Model) -> Result<()> {
    Entity::update_many()
        .filter(Column::App.eq(user.app))
        .filter(Column::Num.eq(user.num))
        .col_expr(Column::Name, Expr::val(user.name.as_str()))
        .col_expr(Column::Email, Expr::val(user.email.as_str()))
        .col_expr(Column::Image, Expr::val(user.image.as_str()))
        .col_expr(Column::Custom, Expr::val(user.custom.as_str()))
        .col_expr(Column::NameKey, Expr::val(user.name_key.as_str()))
        .col_expr(Column::NameCompact, Expr::val(user.name_compact.as_str()))
        .col_expr(Column::UpdatedAt, Expr::val(user.updated_at))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Takes everything personal out of the rows of users; what stays is num, app, kind and times.
pub async fn erase(write: &Write, app: Uuid, nums: &[Num], now: Micros) -> Result<()> {
    let personal = [
        Column::Id,
        Column::Name,
        Column::Email,
        Column::Image,
        Column::Role,
        Column::Custom,
        Column::IdKey,
        Column::NameKey,
        Column::NameCompact,
    ];
    personal
        .into_iter()
        .fold(Entity::update_many(), |update, column| update.col_expr(column, Expr::val("")))
        .col_expr(Column::Teams, Expr::val("[]"))
        .col_expr(Column::LastActiveAt, Expr::val(None::<i64>))
        .col_expr(Column::UpdatedAt, Expr::val(now.0))
        .col_expr(Column::DeletedAt, Expr::val(now.0))
        .filter(Column::App.eq(app))
        .filter(Column::Num.is_in(nums.iter().copied()))
        .exec(write.connection())
        .await
        .map(|_| ())
        .map_err(store_error)
}

/// Raises `last_active_at`, never lowers it, and leaves alone what is less than a minute old.
/// One statement for all of them.
pub async fn raise_activity(write: &Write, app: Uuid, activities: &BTreeMap<Num, Micros>) -> Result<()> {
    if activities.is_empty() {
        return Ok(());
    }
    // Both databases name the columns of a VALUES list `column1`, `column2`.
    let seen = Alias::new("seen");
    let seen_num = Expr::col((seen.clone(), Alias::new("column1")));
    let seen_at = Expr::col((seen.clone(), Alias::new("column2")));
    let last = || Expr::col((Entity, Column::LastActiveAt));
    let due = Condition::any()
        .add(last().is_null())
        .add(last().add(ACTIVITY_STEP.as_micros() as i64).lte(seen_at.clone()));
    let rows = activities.iter().map(|(&num, &at)| (num, at.0).into_value_tuple()).collect();
    let update = Query::update()
        .table(Entity)
        .from(TableRef::ValuesList(rows, seen.into_iden()))
        .value(Column::LastActiveAt, seen_at)
        .and_where(seen_num.equals((Entity, Column::Num)))
        .and_where(Expr::col((Entity, Column::App)).eq(app))
        .and_where(Expr::col((Entity, Column::DeletedAt)).is_null())
        .cond_where(due)
        .to_owned();
    write.connection().execute(&update).await.map(|_| ()).map_err(store_error)
}

/// A live user, as far as he decides whether a token counts, by id.
pub async fn find_live_one(store: &Store, app: Uuid, id: &str) -> Result<Option<Model>> {
    live(app, &[id]).one(store.read()).await.map_err(store_error)
}

/// A user by num, deleted or not, locked until the transaction ends.
pub async fn lock(write: &Write, app: Uuid, num: Num) -> Result<Option<Model>> {
    Entity::find_by_id(num)
        .filter(Column::App.eq(app))
        .lock_exclusive()
        .one(write.connection())
        .await
        .map_err(store_error)
}
