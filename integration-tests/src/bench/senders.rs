//! Those who send messages over REST.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;

use super::http::{Connection, Request};
use super::latencies::Latencies;
use super::server::User;
use super::socket::stamp;

/// Length of a message's text in bytes.
pub const TEXT: usize = 200;
/// How often a sender that must wait looks again.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// What senders have done.
#[derive(Debug, Default)]
pub struct Sent {
    pub acknowledged: u64,
    pub latencies: Latencies,
}

/// Shared by the senders of a run and whoever measures them.
#[derive(Debug, Default)]
pub struct Control {
    /// Messages acknowledged.
    pub acknowledged: AtomicU64,
    /// Samples count only while set.
    pub measuring: AtomicBool,
    pub stop: AtomicBool,
}

/// One sender and where he sends.
#[derive(Debug, Clone)]
pub struct Seat {
    pub user: User,
    pub channel: String,
}

/// Sends as fast as messages are acknowledged until told to stop; at most one request of a seat is
/// open at a time. `may_go` holds all of them back while it says no.
pub async fn send_all(
    address: &str,
    seats: &[Seat],
    control: &Arc<Control>,
    client_ids: bool,
    may_go: impl Fn(u64) -> bool,
) -> anyhow::Result<Sent> {
    let may_go = &may_go;
    let runs = seats.iter().map(|seat| async move {
        let mut connection = Connection::open(address).await?;
        let mut request = request_of(seat);
        let mut sent = Sent::default();
        while !control.stop.load(Ordering::Relaxed) {
            if !may_go(control.acknowledged.load(Ordering::Relaxed)) {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            let body = body(client_ids);
            let started = Instant::now();
            send(&mut connection, request.with(body.as_bytes())).await?;
            control.acknowledged.fetch_add(1, Ordering::Relaxed);
            if control.measuring.load(Ordering::Relaxed) {
                sent.acknowledged += 1;
                sent.latencies.add(started.elapsed());
            }
        }
        anyhow::Ok(sent)
    });
    let mut all = Sent::default();
    for sent in try_join_all(runs).await? {
        all.acknowledged += sent.acknowledged;
        all.latencies.merge(sent.latencies);
    }
    Ok(all)
}

/// Sends at a steady rate for a time, whether or not earlier messages are acknowledged; the seats take
/// turns. A message carries the time at which it was due, so lateness of the generator counts too.
pub async fn send_paced(
    address: &str,
    seats: &[Seat],
    per_second: u32,
    lasting: Duration,
) -> anyhow::Result<Sent> {
    let interval = Duration::from_secs(1) / per_second;
    let start = tokio::time::Instant::now();
    let total = u32::try_from(lasting.as_micros() / interval.as_micros()).unwrap_or(u32::MAX);
    let turns = seats.len() as u32;
    let runs = seats.iter().zip(0..turns).map(|(seat, first)| async move {
        let mut connection = Connection::open(address).await?;
        let mut request = request_of(seat);
        let mut sent = Sent::default();
        for turn in (first..total).step_by(turns as usize) {
            let due = start + interval * turn;
            tokio::time::sleep_until(due).await;
            let body = stamped_body(stamp::now().saturating_sub(due.elapsed().as_nanos() as u64), false);
            send(&mut connection, request.with(body.as_bytes())).await?;
            sent.acknowledged += 1;
            sent.latencies.add(due.elapsed());
        }
        anyhow::Ok(sent)
    });
    let mut all = Sent::default();
    for sent in try_join_all(runs).await? {
        all.acknowledged += sent.acknowledged;
        all.latencies.merge(sent.latencies);
    }
    Ok(all)
}

fn request_of(seat: &Seat) -> Request {
    let path = format!("/api/channels/{}/messages", seat.channel);
    Request::new("POST", &path, Some(&seat.user.token))
}

fn body(client_id: bool) -> String {
    stamped_body(stamp::now(), client_id)
}

fn stamped_body(nanos: u64, client_id: bool) -> String {
    let text = stamp::text(nanos, TEXT);
    if client_id {
        format!(r#"{{"text":"{text}","clientMsgId":"{}"}}"#, uuid::Uuid::new_v4())
    } else {
        format!(r#"{{"text":"{text}"}}"#)
    }
}

async fn send(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    let answer = connection.call(request).await.context("send a message")?;
    ensure!(answer.status == 201, "a send was answered with {}: {}", answer.status, answer.text());
    Ok(())
}
