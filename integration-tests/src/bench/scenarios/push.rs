//! Push notifications: how long after its send a message is at the push service, while every message goes
//! to a device of its own.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use parlance_proto::notification::ProviderKind;
use serde_json::json;

use super::super::cli::Plan;
use super::super::http::{Connection, Request};
use super::super::latencies::Latencies;
use super::super::report::Report;
use super::super::senders::{Seat, send_paced};
use super::super::server::{Server, User};
use super::super::socket::stamp;
use crate::Options;
use crate::push::{Admin, Expo};

/// Sends a second.
const RATE: u32 = 500;
/// After the last send, for what is still under way.
const SETTLE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let lasting = plan.size(Duration::from_secs(15), Duration::from_secs(3));
    let options = Options::new()
        .with("log.level", "warn")
        .with("notification.allow_private_networks", true)
        // Every message is to be pushed by itself.
        .with("notification.collapse_window_s", 0);
    let mut server = Server::of(options.embedded()).await;
    let expo = Expo::start().await;
    let admin = Admin::of(server.harness()).await;
    admin.set_provider(ProviderKind::Expo, &json!({"base_url": expo.url}), &json!({})).await;

    let pairs = plan.size(1_000, 600);
    let users = server.users(pairs * 2).await?;
    let (senders, receivers) = users.split_at(pairs);
    register(server.address(), receivers).await?;
    let groups: Vec<(String, Vec<User>)> = senders
        .iter()
        .zip(receivers)
        .enumerate()
        .map(|(place, (sender, receiver))| (format!("push {place}"), vec![sender.clone(), receiver.clone()]))
        .collect();
    let channels = server.groups(&groups).await?;
    // The invites go first.
    settled(&expo, pairs).await;
    let before = expo.taken().len();

    let seats: Vec<Seat> = senders
        .iter()
        .zip(channels)
        .map(|(sender, channel)| Seat { user: sender.clone(), channel })
        .collect();
    let usage = server.usage()?;
    let mut sent = send_paced(server.address(), &seats, RATE, lasting).await?;
    settled(&expo, before + sent.acknowledged as usize).await;
    let usage = server.usage()?.since(usage);

    let (mut latencies, mut folded) = (Latencies::default(), 0u32);
    for taken in expo.taken().into_iter().skip(before) {
        let at = taken.at.duration_since(UNIX_EPOCH)?.as_nanos() as u64;
        // One that stands for several messages carries the text of none.
        match stamp::find(taken.body.as_bytes()) {
            Some(sent_at) => latencies.add_micros(at.saturating_sub(sent_at) / 1000),
            None => folded += 1,
        }
    }
    let case = format!("{RATE} sends/s, a device each");
    let (pushed, acknowledged) = (latencies.len(), sent.acknowledged);
    ensure!(pushed > 0, "nothing was pushed");
    report.add(&case, "messages", acknowledged as f64, "");
    report.add(&case, "pushes", pushed as f64, "");
    report.add(&case, "pushes of several messages, not timed", f64::from(folded), "");
    report.add(&case, "send to push service p50", latencies.quantile(0.5), "ms");
    report.add(&case, "send to push service p99", latencies.quantile(0.99), "ms");
    report.add(&case, "send to push service, longest", latencies.quantile(1.0), "ms").aim("< 2,000 ms");
    report.add(&case, "acknowledged p99", sent.latencies.quantile(0.99), "ms");
    report.add_cores(&case, &usage, lasting);
    report.note("the push service (Expo's protocol) runs in the generator; every message is for another person's device");
    Ok(())
}

/// One device for each.
async fn register(address: &str, users: &[User]) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    for user in users {
        let body =
            json!({"platform": "expo", "token": format!("ExponentPushToken[{}]", user.id)}).to_string();
        let mut request = Request::new("POST", "/api/devices", Some(&user.token));
        connection.call(request.with(body.as_bytes())).await?.json().context("register a device")?;
    }
    Ok(())
}

/// Returns once so many pushes were taken, or none has come for a while.
async fn settled(expo: &Expo, count: usize) {
    let mut last = (expo.count(), tokio::time::Instant::now());
    while last.0 < count && last.1.elapsed() < SETTLE {
        tokio::time::sleep(LOOK_AGAIN).await;
        let now = expo.count();
        if now > last.0 {
            last = (now, tokio::time::Instant::now());
        }
    }
}
