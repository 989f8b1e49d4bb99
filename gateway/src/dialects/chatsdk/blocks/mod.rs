//! `/api/users/{userId}/block`: users of whom one wants to hear nothing.

pub mod add;
pub mod list;
pub mod remove;

use std::collections::{HashMap, HashSet};

use parlance_core::Num;
use parlance_proto::auth;
use parlance_proto::channel::{FindBlocksRequest, find_blocks_request::Pair};

use super::auth::User;
use super::compose;
use super::convert::{self, Presence};
use super::error::Failure;
use crate::state::Edge;

/// Of these users those of whom one has blocked the other, seen from `user`.
pub async fn among(edge: &Edge, user: &User, nums: &[Num]) -> Result<HashSet<Num>, Failure> {
    let others: Vec<Num> = nums.iter().copied().filter(|&num| num != user.num).collect();
    if others.is_empty() {
        return Ok(HashSet::new());
    }
    let pairs = others.iter().map(|&other_num| Pair { user_num: user.num, other_num }).collect();
    let request = user.context.as_service().request(FindBlocksRequest { pairs });
    let blocked = edge.channel().find_blocks(request).await?.into_inner().blocked;
    Ok(others.into_iter().zip(blocked).filter(|(_, blocked)| *blocked).map(|(num, _)| num).collect())
}

/// Users as `user` sees them, in the same order. Of those of whom one has blocked the other he does not learn
/// whether they are there; of nobody, while it is not known who has.
pub async fn users_seen(edge: &Edge, user: &User, users: Vec<auth::User>) -> Vec<convert::User> {
    let nums: Vec<Num> = users.iter().map(|one| one.num).collect();
    let presence: HashMap<Num, Presence> = compose::presence(edge, &user.context, nums.clone()).await;
    let blocked = among(edge, user, &nums).await.unwrap_or_else(|failure| {
        tracing::warn!(message = failure.message, "blocks are not known: everybody is shown as offline");
        nums.iter().copied().filter(|&num| num != user.num).collect()
    });
    let expose = edge.settings().chatsdk.expose_user_details;
    let seen = users.into_iter().map(|mut one| {
        let hidden = blocked.contains(&one.num);
        if hidden {
            one.last_active_at = None;
        }
        let state = presence.get(&one.num).copied().filter(|_| !hidden).unwrap_or_default();
        convert::user(&one, state, expose || one.num == user.num)
    });
    seen.collect()
}
