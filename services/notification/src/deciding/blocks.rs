//! Blocks between people.

use std::collections::HashSet;

use parlance_core::{Num, Result};
use parlance_proto::channel::{FindBlocksRequest, find_blocks_request::Pair};
use parlance_rpc::Context;

use crate::service::Service;

/// Pairs of one question.
const MOST: usize = 1000;

/// Pairs of these, recipient and other, between whom there is a block, whoever has made it.
pub async fn blocked(
    service: &Service,
    context: &Context,
    pairs: HashSet<(Num, Num)>,
) -> Result<HashSet<(Num, Num)>> {
    let pairs: Vec<(Num, Num)> = pairs.into_iter().collect();
    let mut found = HashSet::new();
    for pairs in pairs.chunks(MOST) {
        let asked = pairs.iter().map(|&(user_num, other_num)| Pair { user_num, other_num }).collect();
        let request = context.request(FindBlocksRequest { pairs: asked });
        let answer = service.channel.clone().find_blocks(request).await?.into_inner().blocked;
        found.extend(pairs.iter().zip(answer).filter(|(_, is_blocked)| *is_blocked).map(|(pair, _)| *pair));
    }
    Ok(found)
}
