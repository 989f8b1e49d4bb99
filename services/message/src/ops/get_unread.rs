use std::collections::HashMap;

use parlance_core::{Num, Result};
use parlance_proto::message::{
    GetUnreadRequest, GetUnreadResponse,
    get_unread_response::{Channel, User},
};
use parlance_rpc::Context;

use crate::convert::at_most;
use crate::service::Service;
use crate::store::positions;

const MOST_USERS: usize = 1000;

/// Unread counts of the caller, or, for a service, of many users in one question.
pub async fn get_unread(
    service: &Service,
    context: &Context,
    request: GetUnreadRequest,
) -> Result<GetUnreadResponse> {
    at_most("user_nums", &request.user_nums, MOST_USERS)?;
    let users: Vec<Num> = if request.user_nums.is_empty() {
        vec![context.caller.require_user()?]
    } else {
        context.caller.require_service()?;
        request.user_nums
    };
    let rows = positions::unread_of_users(service.store.read(), context.caller.app, users.clone()).await?;
    let mut channels: HashMap<Num, Vec<Channel>> = HashMap::new();
    for row in rows {
        channels.entry(row.user_num).or_default().push(Channel {
            channel_num: row.channel_num,
            unread: row.unread.max(0) as u64,
            last_read_seq: row.last_seq as u64,
            muted: row.muted,
            as_of_offset: row.last_offset as u64,
        });
    }
    let users = users
        .into_iter()
        .map(|user_num| User { user_num, channels: channels.get(&user_num).cloned().unwrap_or_default() })
        .collect();
    Ok(GetUnreadResponse { users })
}
