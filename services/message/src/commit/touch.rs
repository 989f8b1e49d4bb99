//! Rule 6 of the message path: channel knows of new messages before they are acknowledged, and is told
//! again where a replica may not have come to it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use parlance_core::{Caller, Error, Micros, Num, Reason, Result};
use parlance_proto::channel::{TouchRequest, touch_request::Activity};
use parlance_rpc::Context;
use parlance_sql::within;
use uuid::Uuid;

use super::Announcement;
use crate::service::Service;
use crate::store::heads;

/// Channels named in one call.
const TOGETHER: usize = 100;
/// Longest wait for channel to take note of new messages before they are acknowledged anyway; also the
/// time of one call when it is told again.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Time for one page of heads.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Clocks of replicas differ by less than this.
const CLOCKS: Duration = Duration::from_secs(10);

/// Tells channel of the messages of a round, of whatever apps, in calls beside each other.
pub async fn touch(service: &Service, batch: &[Announcement]) {
    let mut channels: HashMap<Num, (i64, Option<i64>)> = HashMap::new();
    // One round for all: it shows in the first trace that is recorded.
    let mut place = "";
    for announcement in batch {
        if place.is_empty() && !announcement.touched.is_empty() {
            place = &announcement.trace;
        }
        for (&channel, &(seq, at)) in &announcement.touched {
            let known = channels.entry(channel).or_default();
            *known = (known.0.max(seq), known.1.max(at));
        }
    }
    let activities: Vec<Activity> =
        channels.into_iter().map(|(channel, (seq, at))| activity(channel, seq, at)).collect();
    let calls = activities.chunks(TOGETHER).map(|some| tell(service, some.to_vec(), place));
    for error in join_all(calls).await.into_iter().filter_map(Result::err) {
        // The message is durable all the same; the next touch of the channel repairs the list.
        tracing::warn!(%error, "the channel service did not take note of new messages");
    }
}

fn activity(channel_num: Num, seq: i64, at: Option<i64>) -> Activity {
    Activity { channel_num, last_seq: seq as u64, at: at.map(|at| Micros(at).timestamp()) }
}

/// One call. Channel knows its channels by num alone, so they may be of several apps.
async fn tell(service: &Service, activities: Vec<Activity>, place: &str) -> Result<()> {
    let context = Context::new(Caller::service(Uuid::nil())).with_timeout(TIMEOUT).with_trace(Some(place));
    let mut channel = service.channel.clone();
    match tokio::time::timeout(TIMEOUT, channel.touch(context.request(TouchRequest { activities }))).await {
        Ok(answer) => answer.map(drop).map_err(Error::from),
        Err(_) => Err(Error::new(Reason::DeadlinePassed, "the channel service does not answer in time")),
    }
}

/// Telling channel again of messages since an instant: what a replica that died between commit and touch
/// may have left untold. It keeps its place, so that it goes on where it failed.
pub struct Retelling {
    since: Micros,
    /// The last stream that was told.
    after: i64,
}

impl Retelling {
    pub fn new(since: Micros) -> Self {
        Self { since, after: 0 }
    }

    /// Tells the rest, up to now: what is newer is told by those who write it. After an error, call it
    /// again.
    pub async fn go_on(&mut self, service: &Service) -> Result<()> {
        let until = (service.now() + CLOCKS).0;
        loop {
            let page = heads::recent(service.store.read(), self.after, self.since.0, until, TOGETHER);
            let page = within(READ_TIMEOUT, page).await?;
            let Some(last) = page.last().map(|one| one.stream) else { return Ok(()) };
            let activities = page.iter().map(|one| activity(one.stream, one.last_seq, one.main_at)).collect();
            tell(service, activities, "").await?;
            self.after = last;
        }
    }
}
