//! One use case a file, told top to bottom.

mod discard_dead_letters;
mod get_preferences;
mod get_queue;
mod get_web_push_key;
mod list_dead_letters;
mod list_devices;
mod list_providers;
mod register_device;
mod remove_device;
mod remove_provider;
mod replay_dead_letters;
mod send_test;
mod set_provider;
mod update_preferences;

pub use discard_dead_letters::discard_dead_letters;
pub use get_preferences::get_preferences;
pub use get_queue::get_queue;
pub use get_web_push_key::get_web_push_key;
pub use list_dead_letters::list_dead_letters;
pub use list_devices::list_devices;
pub use list_providers::list_providers;
pub use register_device::register_device;
pub use remove_device::remove_device;
pub use remove_provider::remove_provider;
pub use replay_dead_letters::replay_dead_letters;
pub use send_test::send_test;
pub use set_provider::set_provider;
pub use update_preferences::update_preferences;

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::auth::GetUsersRequest;
use parlance_rpc::Context;
use uuid::Uuid;

use crate::service::Service;

/// Most ids of one call.
const MOST_IDS: usize = 500;

/// Ids of deliveries; what cannot be one is nobody's id.
fn delivery_ids(texts: &[String]) -> Result<Vec<Uuid>> {
    if texts.len() > MOST_IDS {
        return Err(Error::invalid("ids", format!("must hold at most {MOST_IDS} items")));
    }
    Ok(texts.iter().filter_map(|text| Uuid::try_parse(text).ok()).collect())
}

/// A user's public id. USER_NOT_FOUND if his account is gone.
async fn user_id(service: &Service, context: &Context, user: Num) -> Result<String> {
    let request = GetUsersRequest { nums: vec![user], ids: Vec::new() };
    let request = context.as_service().request(request);
    let users = service.auth.clone().get_users(request).await?.into_inner().users;
    users
        .into_iter()
        .find(|user| user.deleted_at.is_none())
        .map(|user| user.id)
        .ok_or_else(|| Error::new(Reason::UserNotFound, "no such user"))
}
