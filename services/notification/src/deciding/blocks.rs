//! Blocks between people.

use std::collections::HashSet;

use parlance_core::{Num, Result};
use parlance_rpc::Context;

use crate::service::Service;

/// Pairs of these, recipient and other, between whom there is a block, whoever has made it.
pub async fn blocked(
    _service: &Service,
    _context: &Context,
    _pairs: HashSet<(Num, Num)>,
) -> Result<HashSet<(Num, Num)>> {
    Ok(HashSet::new())
}
