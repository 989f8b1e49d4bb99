//! `/api/users`.

pub mod bulk_delete;
pub mod delete;
pub mod get;
pub mod get_me;
pub mod list;
pub mod sync;
pub mod update;
pub mod update_me;

use parlance_core::{Error, Reason};
use parlance_proto::auth::upsert_users_response::Result as Upserted;
use parlance_proto::auth::{self, UpsertUsersRequest, UserInput};
use parlance_rpc::Context;

use super::auth::User;
use super::error::Failure;
use super::{compose, convert};
use crate::state::Edge;

/// A user as he sees himself.
async fn in_full(edge: &Edge, user: &User, found: &auth::User) -> convert::User {
    let presence = compose::presence(edge, &user.context, vec![user.num]).await;
    convert::user(found, presence.get(&user.num).copied().unwrap_or_default(), true)
}

/// Creates or updates one user.
pub async fn upsert(edge: &Edge, context: &Context, input: UserInput) -> Result<auth::User, Failure> {
    let result = upsert_many(edge, context, vec![input]).await?.into_iter().next();
    let result = result.ok_or_else(|| Error::internal("a user was neither taken nor refused"))?;
    match result.user {
        Some(user) => Ok(user),
        None => {
            let reason = Reason::parse(&result.error_reason).unwrap_or(Reason::InvalidArgument);
            let field = Some(result.error_field).filter(|field| !field.is_empty());
            Err(Error { field, ..Error::new(reason, result.error_message) }.into())
        }
    }
}

/// Creates or updates users, each by itself; this gateway shows the new profiles at once.
async fn upsert_many(
    edge: &Edge,
    context: &Context,
    users: Vec<UserInput>,
) -> Result<Vec<Upserted>, Failure> {
    let request = UpsertUsersRequest { users };
    let results = edge.auth().upsert_users(context.request(request)).await?.into_inner().results;
    results
        .iter()
        .filter_map(|result| result.user.as_ref())
        .for_each(|user| edge.directory().forget(user.num));
    Ok(results)
}

/// Deletes users and gives the ids of those who were there, once channels list them no longer. This
/// gateway believes none of their tokens from here on; others learn it from the event.
async fn delete_many(edge: &Edge, context: &Context, ids: Vec<String>) -> Result<Vec<String>, Failure> {
    let known = auth::GetUsersRequest { nums: Vec::new(), ids: ids.clone() };
    let known = edge.auth().get_users(context.as_service().request(known)).await?.into_inner().users;
    let request = auth::DeleteUsersRequest { ids };
    let deleted = edge.auth().delete_users(context.request(request)).await?.into_inner();
    for user in known {
        edge.directory().forget(user.num);
        edge.identity().forget_user(user.num);
    }
    compose::settle_accounts(edge, context, deleted.log_position).await;
    Ok(deleted.deleted_ids)
}
