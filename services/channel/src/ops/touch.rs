use std::collections::BTreeMap;

use parlance_core::{Error, Micros, Num, Result};
use parlance_proto::channel::{TouchRequest, TouchResponse};
use parlance_rpc::Context;

use crate::domain::limits;
use crate::state::State;
use crate::store::touch::{self, Activity};

/// Notes newest seq and time of channels, of whatever app. Repeating it or telling older news changes
/// nothing. Message waits for this before it acknowledges, so the disk is not waited for.
pub async fn touch(state: &State, context: &Context, request: TouchRequest) -> Result<TouchResponse> {
    context.caller.require_service()?;
    limits::batch("activities", request.activities.len(), limits::MAX_BATCH)?;
    let mut newest: BTreeMap<Num, Activity> = BTreeMap::new();
    for told in request.activities {
        let last_seq =
            i64::try_from(told.last_seq).map_err(|_| Error::invalid("last_seq", "is too large"))?;
        let at = match &told.at {
            None => Micros::default(),
            Some(at) => Micros::from_timestamp(at).ok_or_else(|| Error::invalid("at", "is out of range"))?,
        };
        let activity = newest.entry(told.channel_num).or_default();
        *activity = activity.newest(Activity { last_seq, at });
    }
    state.touches.remember(&newest);
    touch::touch(&state.store, &newest).await?;
    Ok(TouchResponse {})
}
