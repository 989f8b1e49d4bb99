//! Closing gaps: a stream whose live events do not follow each other is read from its log.

use std::sync::Arc;
use std::time::Duration;

use super::ingest;
use super::stream::{Followup, Stream};
use crate::realtime::codes::UnsubscribeCode;
use crate::state::Edge;

/// Waits between attempts; after the last one subscribers are told to start anew.
const ATTEMPTS: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// Does what a change of a stream asks for.
pub fn follow_up(edge: &Edge, stream: &Arc<Stream>, followup: Followup) {
    if followup.repair {
        repair(edge, stream);
    }
    if followup.recheck {
        recheck(edge, stream);
    }
}

/// Reads the log after the stream's position and delivers what is missing; live events wait meanwhile.
pub fn repair(edge: &Edge, stream: &Arc<Stream>) {
    let Some(mut place) = stream.start_repair() else { return };
    metrics::counter!("parlance_realtime_repairs_total").increment(1);
    let (edge, stream) = (edge.clone(), stream.clone());
    edge.clone().tasks().spawn(async move {
        let mut attempts = ATTEMPTS.iter();
        loop {
            let (epoch, offset) = &place;
            let result = match edge.hub().loads().entries(&stream, epoch, *offset).await {
                Ok(read) => {
                    // What was lost means the same besides its own stream.
                    let missed = read.entries.iter().filter(|live| live.event.offset > *offset);
                    missed.for_each(|live| ingest::observe(&edge, &live.event));
                    stream.repaired(&read)
                }
                Err(error) => {
                    tracing::warn!(%error, "a stream's log cannot be read");
                    Err(place.clone())
                }
            };
            match result {
                Ok(followup) => return follow_up(&edge, &stream, followup),
                // Coming closer is no failed attempt.
                Err(further) if further.1 > place.1 => place = further,
                Err(further) => {
                    place = further;
                    let Some(&wait) = attempts.next() else { return stream.give_up() };
                    tokio::select! {
                        () = edge.stop().cancelled() => return,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    });
}

/// Asks again who of the subscribers may read the channel, and ends the others.
fn recheck(edge: &Edge, stream: &Arc<Stream>) {
    let (edge, stream) = (edge.clone(), stream.clone());
    edge.clone().tasks().spawn(async move {
        let users = stream.users();
        let answers = users.iter().map(|&user| edge.hub().loads().may_read(stream.app, stream.key.num, user));
        for (&user, answer) in users.iter().zip(futures_util::future::join_all(answers).await) {
            match answer {
                Ok(true) => {}
                Ok(false) => stream.end_user(user, UnsubscribeCode::Server),
                // Not known for now: the client subscribes again and is asked about then.
                Err(_) => stream.end_user(user, UnsubscribeCode::Insufficient),
            }
        }
    });
}
