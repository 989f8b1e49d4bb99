use std::cmp::Ordering;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::Stream as FutureStream;
use parlance_bus::{Item, Message, Subscription, Topic};
use parlance_core::{Error, Reason, Result};
use parlance_proto::event::{Event, Stream};
use parlance_proto::message::{FollowRequest, FollowResponse, StreamPosition};
use parlance_rpc::Context;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::read_streams::may_read;
use crate::bodies;
use crate::convert::stored;
use crate::service::Service;
use crate::store::{entries, heads, stream_key};

/// Entries read at once.
const PAGE: u32 = 200;
/// Entries that wait for a slow follower.
const WAITING: usize = 64;
/// The log is looked at this often even if nothing was announced, and the right to read is asked again.
const SWEEP: Duration = Duration::from_secs(5);
/// How long a follower may take to hear why it ends.
const FAREWELL: Duration = Duration::from_secs(5);

pub type Following = Pin<Box<dyn FutureStream<Item = Result<FollowResponse, Status>> + Send>>;

/// One stream from a position: the stored entries, then each new one once it is committed. The bus
/// only wakes; what is delivered comes from the log, so nothing is skipped.
pub async fn follow(service: &Arc<Service>, context: &Context, request: FollowRequest) -> Result<Following> {
    let position =
        StreamPosition { stream: request.stream, offset: request.after_offset, epoch: request.epoch.clone() };
    let stream = request.stream.ok_or_else(|| Error::invalid("stream", "is required"))?;
    let key = stream_key(&stream)?;
    stored("after_offset", position.offset)?;
    let place = service.followers.enter(&context.caller)?;
    may_read(service, context, &position).await?;
    if !request.epoch.is_empty() && request.epoch != service.epoch {
        return Err(position_lost());
    }
    let wakes = service.bus.subscribe().await?;
    wakes.topics().listen(Topic::of(&stream)).await?;

    let (events, receiver) = mpsc::channel(WAITING);
    let (service, context) = (service.clone(), context.clone());
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        let ended = follow_on(&service, &context, &position, key, wakes, &events).await;
        // His place is free before he hears that he has lost it.
        drop(place);
        if let Err(error) = ended {
            // A follower that has gone needs no reason, and one that does not read gets none.
            let _ = events.send_timeout(Err(error.into()), FAREWELL).await;
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

/// Sends entry after entry until the follower goes, the service stops, or the right to read ends.
async fn follow_on(
    service: &Service,
    context: &Context,
    position: &StreamPosition,
    key: i64,
    mut wakes: Box<dyn Subscription>,
    events: &mpsc::Sender<Result<FollowResponse, Status>>,
) -> Result<()> {
    let from_oldest = position.offset == 0;
    let mut after = stored("after_offset", position.offset)?;
    let mut policy_version = 0;
    let mut asked = Instant::now();
    loop {
        let page = next_page(service, context, key, after, from_oldest).await?;
        let more = page.len() == PAGE as usize;
        for event in page {
            // A newer policy may have taken the right to what follows.
            if event.policy_version > policy_version {
                policy_version = event.policy_version;
                may_read(service, &asking_now(context), position).await?;
            }
            after = event.offset as i64;
            tokio::select! {
                sent = events.send(Ok(FollowResponse { event: Some(event) })) => if sent.is_err() {
                    return Ok(());
                },
                () = service.stop.cancelled() => return Err(stopping()),
            }
        }
        if asked.elapsed() >= SWEEP {
            may_read(service, &asking_now(context), position).await?;
            asked = Instant::now();
        }
        if more {
            continue;
        }
        tokio::select! {
            () = service.stop.cancelled() => return Err(stopping()),
            () = events.closed() => return Ok(()),
            is_open = news(wakes.as_mut(), key, after) => if !is_open { return Err(stopping()) },
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Returns when the stream may have entries after an offset; false = the bus is closed. What other
/// streams of the topic do, and what has been read already, is passed over.
async fn news(wakes: &mut dyn Subscription, key: i64, after: i64) -> bool {
    while let Some(item) = wakes.recv().await {
        if concerns(&item, key, after) {
            return true;
        }
    }
    false
}

/// Whether an item of the bus tells that a stream has come further than an offset, or may have.
fn concerns(item: &Item, key: i64, after: i64) -> bool {
    let further = |stream: &Option<Stream>, offset: u64| {
        offset > after as u64 && stream.as_ref().is_some_and(|stream| stream_key(stream).ok() == Some(key))
    };
    match item {
        Item::Message(_, Message::Event(event)) => further(&event.stream, event.offset),
        Item::Message(_, Message::Heads(heads)) => {
            heads.iter().any(|head| further(&head.stream, head.offset))
        }
        Item::Message(_, Message::Wake) | Item::Lagged => true,
    }
}

async fn next_page(
    service: &Service,
    context: &Context,
    key: i64,
    after: i64,
    from_oldest: bool,
) -> Result<Vec<Event>> {
    let (store, app) = (service.store.read(), context.caller.app);
    let head = heads::find(store, app, vec![key]).await?.remove(&key);
    let last_offset = head.map_or(0, |head| head.last_offset);
    match after.cmp(&last_offset) {
        Ordering::Less => {}
        Ordering::Equal => return Ok(Vec::new()),
        // From before a restored backup: what follows would be taken for what was seen.
        Ordering::Greater => return Err(position_lost()),
    }
    let mut from = after;
    if after == 0 && from_oldest {
        let first = entries::first_offsets(store, vec![key]).await?;
        from = first.first().map_or(last_offset, |(_, offset)| offset - 1);
    }
    let mut events = entries::after(store, app, vec![(key, from)], PAGE, &service.epoch).await?;
    if events.first().is_some_and(|event| event.offset as i64 != from + 1)
        || (events.is_empty() && !from_oldest)
    {
        return Err(position_lost());
    }
    bodies::join(service, app, &mut events).await?;
    Ok(events)
}

/// The same errand with time of its own: a follower stays for longer than any call may take.
fn asking_now(context: &Context) -> Context {
    Context { trace: context.trace.clone(), ..Context::new(context.caller.clone()) }
}

/// A follower that sees the call end would take it for the end of the stream.
fn stopping() -> Error {
    Error::unavailable("the service is stopping; follow on from the last offset")
}

fn position_lost() -> Error {
    Error::new(
        Reason::PositionLost,
        "the log no longer holds this position; read the current state and start anew",
    )
}

#[cfg(test)]
mod tests {
    use parlance_proto::event::{StreamHead, stream::Kind};

    use super::*;
    use crate::store::{chat, user};

    const OWN: i64 = 7;

    fn stream(kind: Kind, num: i64) -> Option<Stream> {
        Some(Stream { kind: kind.into(), num })
    }

    fn event(kind: Kind, num: i64, offset: u64) -> Item {
        let event = Event { stream: stream(kind, num), offset, ..Event::default() };
        Item::Message(Topic::chat(num), Message::Event(Arc::new(event)))
    }

    fn heads(offsets: &[(i64, u64)]) -> Item {
        let head =
            |&(num, offset): &_| StreamHead { stream: stream(Kind::Chat, num), offset, ..Default::default() };
        Item::Message(Topic::chat(OWN), Message::Heads(offsets.iter().map(head).collect()))
    }

    #[test]
    fn only_what_may_be_new_in_the_own_stream_leads_to_a_look() {
        let wake = Item::Message(Topic::chat(OWN), Message::Wake);
        for (item, looks) in [
            (event(Kind::Chat, OWN, 5), true),
            (event(Kind::Chat, OWN, 4), false),
            (event(Kind::Chat, 8, 5), false),
            (event(Kind::User, OWN, 5), false),
            // Typing and the like: no entry of the log.
            (event(Kind::Chat, OWN, 0), false),
            (heads(&[(8, 9), (OWN, 5)]), true),
            (heads(&[(8, 9), (OWN, 4)]), false),
            (wake, true),
            (Item::Lagged, true),
        ] {
            assert_eq!(concerns(&item, chat(OWN), 4), looks, "{item:?}");
        }
        assert!(concerns(&event(Kind::User, OWN, 5), user(OWN), 4));
    }
}
