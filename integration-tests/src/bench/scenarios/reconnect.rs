//! Everybody comes back at once, after the server was killed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::Rng as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::super::cli::Plan;
use super::super::latencies::Latencies;
use super::super::report::Report;
use super::super::senders::{Seat, send_paced};
use super::super::server::{Server, User, chat};
use super::super::socket::{Login, Replied, Subscription, login, open};

/// Longest wait of a client between attempts.
const BACKOFF: Duration = Duration::from_secs(2);
/// A client gives an attempt up after this long.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Chat channels, to one of which each client subscribes.
const CHANNELS: usize = 100;
/// Messages that each client has missed in its channel.
const MISSED: u32 = 5;
/// The run ends after this long, whoever is missing.
const GIVE_UP: Duration = Duration::from_secs(90);

/// What all clients together have seen.
#[derive(Debug, Default)]
struct Progress {
    subscribed: Cell<usize>,
    back: Cell<usize>,
    attempts: Cell<usize>,
    recovered: Cell<usize>,
    publications: Cell<usize>,
    accepting: Cell<Option<Instant>>,
    times: std::cell::RefCell<Vec<Instant>>,
    failures: std::cell::RefCell<std::collections::BTreeMap<String, usize>>,
}

fn bump(cell: &Cell<usize>, by: usize) {
    cell.set(cell.get() + by);
}

pub async fn run(server: &mut Server, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let count = plan.size(10_000, 500);
    let users = server.users(count).await?;
    let groups: Vec<_> = (0..CHANNELS)
        .map(|place| {
            let members: Vec<User> =
                users.iter().skip(place).step_by(CHANNELS).take(count / CHANNELS).cloned().collect();
            (format!("reconnect {place}"), members)
        })
        .collect();
    let channels = server.groups(&groups).await?;
    server.fresh().await;

    let progress = Rc::<Progress>::default();
    let clients = LocalSet::new();
    let arrivals = std::sync::Arc::new(tokio::sync::Semaphore::new(64));
    for (place, user) in users[..count].iter().enumerate() {
        let stream = chat(&channels[place % CHANNELS]);
        let client = Client {
            address: server.realtime_address().to_owned(),
            user: user.clone(),
            streams: [user.stream(), stream],
            progress: progress.clone(),
        };
        let arrivals = arrivals.clone();
        clients.spawn_local(async move {
            let permit = arrivals.acquire_owned().await;
            if let Err(error) = client.live(permit.ok()).await {
                eprintln!("a client failed: {error:#}");
            }
        });
    }
    let storm = storm(server, report, &progress, count, &users, &channels);
    clients.run_until(storm).await
}

async fn storm(
    server: &mut Server,
    report: &mut Report,
    progress: &Progress,
    count: usize,
    users: &[User],
    channels: &[String],
) -> anyhow::Result<()> {
    let started = Instant::now();
    while progress.subscribed.get() < count {
        ensure!(
            started.elapsed() < GIVE_UP,
            "only {} of {count} clients came in: {:?}",
            progress.subscribed.get(),
            progress.failures.borrow()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    report.add(
        &format!("{count} clients"),
        "first logins",
        count as f64 / started.elapsed().as_secs_f64(),
        "/s",
    );
    let seats: Vec<Seat> = channels
        .iter()
        .zip(users)
        .map(|(channel, user)| Seat { user: user.clone(), channel: channel.clone() })
        .collect();
    let seconds = Duration::from_secs(u64::from(MISSED));
    send_paced(server.address(), &seats, CHANNELS as u32, seconds).await.context("send what is missed")?;

    server.kill();
    server.start_again().await;
    let restarted = Instant::now();
    while progress.back.get() < count && restarted.elapsed() < GIVE_UP {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let metrics = server.metrics().await?;
    let cpu = server.cpu()?;

    let case = format!("{count} clients, server killed");
    let accepting = progress.accepting.get().unwrap_or(restarted);
    let mut latencies = Latencies::default();
    progress.times.borrow().iter().for_each(|back| latencies.add(back.saturating_duration_since(accepting)));
    report.add(&case, "half are back after", latencies.quantile(0.5) / 1000.0, "s");
    report.add(&case, "99 % are back after", latencies.quantile(0.99) / 1000.0, "s").aim("≤ 15 s");
    report.add(&case, "all are back after", latencies.quantile(1.0) / 1000.0, "s");
    report.add(&case, "clients back", progress.back.get() as f64, "").aim(&format!("{count}"));
    report
        .add(&case, "subscriptions recovered", progress.recovered.get() as f64, "")
        .aim(&format!("{}", 2 * count));
    report.add(&case, "publications recovered", progress.publications.get() as f64, "");
    report.add(&case, "attempts per client", progress.attempts.get() as f64 / count as f64, "");
    report.add(&case, "server CPU per client", cpu.as_secs_f64() * 1000.0 / count as f64, "ms");
    match metrics.sum("parlance_sql_statements_total") {
        Some(statements) => {
            report.add(&case, "SQL statements per client", statements / count as f64, "").aim("≤ 1");
        }
        None => report.note("the server does not export parlance_sql_statements_total"),
    }
    report.note(format!(
        "each client subscribes to its `user:` stream and to one of {CHANNELS} channels in which it has missed \
         {MISSED} messages; back = both subscriptions answered; time from the first accepted connection; a new \
         attempt after a random wait of at most {} s",
        BACKOFF.as_secs()
    ));
    let failures = progress.failures.borrow();
    if !failures.is_empty() {
        report.note(format!("failed attempts: {failures:?}"));
    }
    Ok(())
}

/// One client that always comes back.
struct Client {
    address: String,
    user: User,
    streams: [String; 2],
    progress: Rc<Progress>,
}

impl Client {
    async fn live(self, permit: Option<tokio::sync::OwnedSemaphorePermit>) -> anyhow::Result<()> {
        let subscriptions = self.streams.clone().map(Subscription::to);
        let mut stream = open(&self.address).await?;
        let (replies, _) = login(&mut stream, &Login::new(&self.user.ws_token, &subscriptions)).await?;
        bump(&self.progress.subscribed, 1);
        drop(permit);
        // The client takes no note of what arrives, so all of it is missed.
        until_closed(stream).await;

        let again = Login::new(&self.user.ws_token, &positions(&self.streams, &replies));
        let (mut stream, replies) = loop {
            tokio::time::sleep(rand::rng().random_range(Duration::ZERO..BACKOFF)).await;
            bump(&self.progress.attempts, 1);
            match tokio::time::timeout(ATTEMPT, self.attempt(&again)).await {
                Ok(Ok(back)) => break back,
                Ok(Err(error)) => self.failed(format!("{error:#}")),
                Err(_) => self.failed("no answer in time".to_owned()),
            }
        };
        self.progress.times.borrow_mut().push(Instant::now());
        bump(&self.progress.back, 1);
        bump(&self.progress.recovered, replies.iter().filter(|reply| reply.recovered).count());
        bump(&self.progress.publications, replies.iter().map(Replied::publications).sum());
        // Stays, as clients do.
        let mut buffer = [0; 1024];
        while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        Ok(())
    }

    async fn attempt(&self, again: &Login) -> anyhow::Result<(TcpStream, Vec<Replied>)> {
        let mut stream = open(&self.address).await.context("connect")?;
        if self.progress.accepting.get().is_none() {
            self.progress.accepting.set(Some(Instant::now()));
        }
        let (replies, _) = login(&mut stream, again).await?;
        Ok((stream, replies))
    }

    fn failed(&self, why: String) {
        *self.progress.failures.borrow_mut().entry(why).or_default() += 1;
    }
}

async fn until_closed(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        buffer.clear();
        match stream.read_buf(&mut buffer).await {
            Ok(length) if length > 0 => {}
            _ => return,
        }
    }
}

/// The streams again, each from where it was.
fn positions(streams: &[String; 2], replies: &[Replied]) -> Vec<Subscription> {
    let from = replies.iter().map(|reply| Some((reply.epoch.clone(), reply.offset)));
    streams.iter().cloned().zip(from).map(|(channel, from)| Subscription { channel, from }).collect()
}
