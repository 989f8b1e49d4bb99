//! Blocks between people.

use std::collections::HashSet;

use parlance_core::{Num, Result};
use parlance_proto::channel::{FindBlocksRequest, find_blocks_request::Pair};
use parlance_rpc::Context;

use crate::service::Service;

/// Pairs of one question.
const PAIRS: usize = 1000;

/// Pairs of these, recipient and other, between whom there is a block, whoever has made it.
pub async fn blocked(
    service: &Service,
    context: &Context,
    pairs: HashSet<(Num, Num)>,
) -> Result<HashSet<(Num, Num)>> {
    let pairs: Vec<(Num, Num)> = pairs.into_iter().collect();
    let mut blocked = HashSet::new();
    for some in pairs.chunks(PAIRS) {
        let asked = some.iter().map(|&(user_num, other_num)| Pair { user_num, other_num }).collect();
        let request = context.request(FindBlocksRequest { pairs: asked });
        let answer = service.channel.clone().find_blocks(request).await?.into_inner();
        let found = some.iter().zip(answer.blocked).filter(|(_, blocked)| *blocked);
        blocked.extend(found.map(|(pair, _)| *pair));
    }
    Ok(blocked)
}
