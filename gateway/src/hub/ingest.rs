//! From the bus to the streams.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Item, Message, Subscription, Topic};
use parlance_core::{Caller, Result, id};
use parlance_proto::event::{Event, event::Payload};
use parlance_proto::message::{ReadStreamsRequest, StreamPosition};
use parlance_rpc::Context;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::stream::{Stream, StreamKey};
use super::{accounts, heads, presence, render, repair};
use crate::realtime::codes::UnsubscribeCode;
use crate::state::Edge;

/// Events that may wait for one worker; beyond, the bus itself queues.
const WAITING: usize = 8192;
/// Events that a worker takes at once.
const BATCH: usize = 256;
/// Losses that the bus tells of within this time are repaired together.
const GATHERED: Duration = Duration::from_millis(100);
/// Streams compared with their logs in one call.
const CHECKED_AT_ONCE: usize = 500;

enum Job {
    /// An event of a stream that has subscribers.
    Stream(Arc<Stream>, Arc<Event>),
    Presence(Arc<Event>),
    Broadcast(Arc<Event>),
}

/// Receives from the bus until it closes or the gateway stops. Events of one stream keep their order.
pub async fn run(edge: Edge, mut subscription: Box<dyn Subscription>) {
    let count = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
    let workers: Vec<mpsc::Sender<Job>> = (0..count)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            edge.tasks().spawn(work(edge.clone(), receiver));
            sender
        })
        .collect();
    let worker = |num: i64| &workers[id::mix(num as u64) as usize % workers.len()];
    while let Some(Some(item)) = edge.stop().run_until_cancelled(subscription.recv()).await {
        let sent = match item {
            Item::Message(Topic::Stream(_), Message::Event(event)) => {
                observe(&edge, &event);
                let stream = StreamKey::of(&event).and_then(|key| edge.hub().stream(key));
                match stream {
                    Some(stream) => worker(stream.key.num).send(Job::Stream(stream, event)).await,
                    None => Ok(()),
                }
            }
            Item::Message(Topic::Stream(_), Message::Heads(heads)) => {
                heads::hear(&edge, &heads);
                Ok(())
            }
            Item::Message(Topic::Presence, Message::Event(event)) => {
                worker(0).send(Job::Presence(event)).await
            }
            Item::Message(Topic::Accounts, Message::Event(event)) => {
                accounts::apply(&edge, &event);
                observe(&edge, &event);
                worker(0).send(Job::Broadcast(event)).await
            }
            Item::Message(..) => Ok(()),
            Item::Lagged => {
                tracing::warn!("the bus dropped events; reading the logs instead");
                metrics::counter!("parlance_realtime_bus_lagged_total").increment(1);
                edge.hub().lagged().notify_waiters();
                Ok(())
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// What an event means besides its own stream.
pub(super) fn observe(edge: &Edge, event: &Arc<Event>) {
    edge.hub().unread().observe(event);
    if let Some(Payload::ChannelDeleted(deleted)) = &event.payload {
        let chat = edge.hub().stream(StreamKey::chat(deleted.channel_num));
        if let Some(stream) = chat.filter(|stream| stream.app.to_string() == event.app_id) {
            stream.end_all(UnsubscribeCode::Server);
        }
    }
}

async fn work(edge: Edge, mut receiver: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while let Some(count) = edge.stop().run_until_cancelled(receiver.recv_many(&mut jobs, BATCH)).await {
        if count == 0 {
            return;
        }
        // Events of one stream go out together; streams do not wait for each other's order.
        let mut batches: Vec<(Arc<Stream>, Vec<_>)> = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Stream(stream, event) => {
                    let live = render::live(&edge, &stream, event).await;
                    match batches.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &stream)) {
                        Some((_, batch)) => batch.push(live),
                        None => batches.push((stream, vec![live])),
                    }
                }
                Job::Presence(event) => presence::spread(&edge, &event).await,
                Job::Broadcast(event) => accounts::broadcast(&edge, &event).await,
            }
        }
        for (stream, batch) in batches {
            let traced: Vec<_> = batch
                .iter()
                .filter_map(|live| live.publication.clone().filter(|one| one.delivery().is_some()))
                .collect();
            let followup = stream.deliver(batch);
            for publication in traced {
                publication.delivery().into_iter().for_each(|delivery| delivery.handed_out());
            }
            repair::follow_up(&edge, &stream, followup);
            // A large audience has taken a while; let others run.
            tokio::task::yield_now().await;
        }
    }
}

/// Compares every stream with its log from time to time, since the last event may have been lost, and
/// soon after the bus has dropped some: once for all that it says of within a moment.
pub async fn check_positions(edge: Edge) {
    let pause = Duration::from_secs(edge.settings().realtime.position_check_s.max(1).into());
    let mut lagged = pin!(edge.hub().lagged().notified());
    loop {
        tokio::select! {
            () = edge.stop().cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = lagged.as_mut() => {
                tokio::time::sleep(GATHERED).await;
                edge.hub().unread().reload();
            }
        }
        // Before the check, so that what is lost meanwhile is not overlooked.
        lagged.set(edge.hub().lagged().notified());
        check_all(&edge).await;
    }
}

async fn check_all(edge: &Edge) {
    let mut streams: Vec<Arc<Stream>> =
        edge.hub().streams().into_iter().filter(|stream| stream.has_position()).collect();
    streams.sort_unstable_by_key(|stream| stream.app);
    for of_app in streams.chunk_by(|one, other| one.app == other.app) {
        for part in of_app.chunks(CHECKED_AT_ONCE) {
            if let Err(error) = check(edge, part).await {
                tracing::warn!(%error, "positions cannot be checked for now");
            }
        }
    }
}

async fn check(edge: &Edge, streams: &[Arc<Stream>]) -> Result<()> {
    let app = streams.first().map_or(Uuid::nil(), |stream| stream.app);
    let position =
        |stream: &Arc<Stream>| StreamPosition { stream: Some(stream.key.name()), ..Default::default() };
    let request = ReadStreamsRequest { positions: streams.iter().map(position).collect(), limit: 0 };
    let request = Context::new(Caller::service(app)).request(request);
    let results = edge.message().read_streams(request).await?.into_inner().results;
    for (stream, result) in streams.iter().zip(results) {
        if stream.is_behind(&result.epoch, result.top_offset) {
            repair::repair(edge, stream);
        }
    }
    Ok(())
}
