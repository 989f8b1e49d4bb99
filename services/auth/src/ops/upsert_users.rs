//! Creates or updates users.

use std::collections::BTreeMap;

use parlance_core::{Actor, Error, Micros, Num, Reason, Result};
use parlance_proto::auth::upsert_users_response::Result as ItemResult;
use parlance_proto::auth::{UpsertUsersRequest, UpsertUsersResponse, UserInput};
use parlance_rpc::Context;
use parlance_sql::{Write, outbox};
use uuid::Uuid;

use crate::domain::input;
use crate::domain::profile::{self, Outcome, Profile};
use crate::store::users::{self, Model};
use crate::{Auth, convert, facts};

/// Live users by id.
type Users = BTreeMap<String, Model>;

/// Each item succeeds or fails by itself. A batch that changes nothing costs one read; one that
/// does is one transaction, which two callers with the same new id leave with one user.
pub async fn run(auth: &Auth, context: &Context, request: UpsertUsersRequest) -> Result<UpsertUsersResponse> {
    input::count("users", request.users.len(), 1..=100)?;
    let app = context.caller.app;
    require_right(auth, context, &request.users).await?;
    let items = by_id(&request.users);
    let ids: Vec<&str> = items.keys().copied().collect();

    let before = users::find_live(&auth.store, app, &ids).await?;
    let plan = Plan::of(&items, &before);
    if plan.changes_nothing(&before) {
        return Ok(plan.answer(&request.users, before));
    }
    crate::apps::keys(auth, app).await?;

    let now = auth.clock.now();
    let write = auth.store.begin().await?;
    let Written { plan, users, changed } = write_plan(auth, &write, app, &items, now).await?;
    let facts: Vec<_> = changed.iter().map(|&num| facts::user_updated(context, app, num, now)).collect();
    outbox::append(&write, facts.clone(), now).await?;
    let committed = write.commit().await?;
    facts::publish(auth, committed, facts).await;
    Ok(plan.answer(&request.users, users))
}

/// The app's backend and our services may write any user of the app; a user only himself, and not his e-mail
/// address: nobody has verified what he writes, and invites are bound to it.
async fn require_right(auth: &Auth, context: &Context, items: &[UserInput]) -> Result<()> {
    let Actor::User { num } = context.caller.actor else {
        return context.caller.require_server();
    };
    let own = users::find(&auth.store, context.caller.app, num)
        .await?
        .filter(|user| user.deleted_at.is_none() && user.deactivated_at.is_none())
        .ok_or_else(|| Error::new(Reason::UserNotFound, "there is no such user"))?;
    match items {
        [item] if item.id == own.id => match &item.email {
            Some(email) if *email != own.email => {
                Err(Error::new(Reason::NotAllowed, "your e-mail address is set by the app's backend"))
            }
            _ => Ok(()),
        },
        _ => Err(Error::new(Reason::NotAllowed, "a user may update himself only")),
    }
}

/// The items with a usable id, grouped by it, in order.
fn by_id(items: &[UserInput]) -> BTreeMap<&str, Vec<&UserInput>> {
    let mut grouped: BTreeMap<&str, Vec<&UserInput>> = BTreeMap::new();
    for item in items.iter().filter(|item| input::user_id(&item.id).is_ok()) {
        grouped.entry(&item.id).or_default().push(item);
    }
    grouped
}

/// What the items make of the users that are there.
struct Plan {
    profiles: BTreeMap<String, Profile>,
    outcomes: BTreeMap<String, Vec<Outcome>>,
}

impl Plan {
    fn of(items: &BTreeMap<&str, Vec<&UserInput>>, there: &Users) -> Self {
        let mut plan = Self { profiles: BTreeMap::new(), outcomes: BTreeMap::new() };
        for (&id, items) in items {
            let (profile, outcomes) = profile::apply(there.get(id).map(Model::profile).as_ref(), items);
            plan.outcomes.insert(id.to_owned(), outcomes);
            if let Some(profile) = profile {
                plan.profiles.insert(id.to_owned(), profile);
            }
        }
        plan
    }

    fn changes_nothing(&self, there: &Users) -> bool {
        self.profiles.iter().all(|(id, next)| there.get(id).is_some_and(|user| user.profile() == *next))
    }

    /// One result per item of the request, in its order.
    fn answer(mut self, items: &[UserInput], users: Users) -> UpsertUsersResponse {
        // From the last item to the first, so that each takes its own outcome off the end.
        let mut results: Vec<ItemResult> = items
            .iter()
            .rev()
            .map(|item| {
                let outcome = match self.outcomes.get_mut(&item.id).and_then(Vec::pop) {
                    Some(outcome) => outcome,
                    None => Outcome::Failed(input::user_id(&item.id).err().unwrap_or_else(gone)),
                };
                result(item, outcome, &users)
            })
            .collect();
        results.reverse();
        UpsertUsersResponse { results }
    }
}

fn result(item: &UserInput, outcome: Outcome, users: &Users) -> ItemResult {
    let created = matches!(outcome, Outcome::Created);
    let base = ItemResult { id: item.id.clone(), ..Default::default() };
    let error = match (outcome, users.get(&item.id)) {
        (Outcome::Created | Outcome::Updated, Some(user)) => {
            return ItemResult { user: Some(convert::user(user.clone())), created, ..base };
        }
        (Outcome::Created | Outcome::Updated, None) => gone(),
        (Outcome::Failed(error), _) => error,
    };
    ItemResult {
        error_reason: error.reason.to_string(),
        error_message: error.message,
        error_field: error.field.unwrap_or_default(),
        ..base
    }
}

fn gone() -> Error {
    Error::internal("an upserted user is not there")
}

struct Written {
    plan: Plan,
    /// As they are after the write.
    users: Users,
    /// Those that are new or differ.
    changed: Vec<Num>,
}

/// Locks those that are there, adds those that are not, and updates those that differ.
async fn write_plan(
    auth: &Auth,
    write: &Write,
    app: Uuid,
    items: &BTreeMap<&str, Vec<&UserInput>>,
    now: Micros,
) -> Result<Written> {
    let ids: Vec<&str> = items.keys().copied().collect();
    let there = users::lock_live(write, app, &ids).await?;
    let fresh: Users = Plan::of(items, &there)
        .profiles
        .into_iter()
        .filter(|(id, _)| !there.contains_key(id))
        .map(|(id, profile)| {
            let user = Model::new(app, auth.nums.next(now), &id, profile, now);
            (id, user)
        })
        .collect();
    // Somebody else may add the same id meanwhile: then his row is there afterwards, and is updated.
    users::insert_missing(write, fresh.values().cloned().collect()).await?;
    let mut users = if fresh.is_empty() { there } else { users::lock_live(write, app, &ids).await? };
    let is_own = |user: &Model| fresh.get(&user.id).is_some_and(|own| own.num == user.num);

    let before: Users =
        users.iter().filter(|(_, user)| !is_own(user)).map(|(id, user)| (id.clone(), user.clone())).collect();
    let plan = Plan::of(items, &before);
    let mut changed = Vec::new();
    for user in users.values_mut() {
        if is_own(user) {
            changed.push(user.num);
        } else if let Some(next) = plan.profiles.get(&user.id).filter(|next| user.profile() != **next) {
            user.set_profile(next.clone());
            user.updated_at = now.0;
            users::update_profile(write, user).await?;
            changed.push(user.num);
        }
    }
    Ok(Written { plan, users, changed })
}
