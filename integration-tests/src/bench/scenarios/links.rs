//! Sends while a thousand messages with links wait for their previews, beside the same without links.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::super::cli::Plan;
use super::super::http::{Connection, Request};
use super::super::report::Report;
use super::super::senders::{Seat, send_paced};
use super::super::server::{Server, User};
use crate::Options;
use crate::loopback::{Loopback, answer};

/// Sends a second of those who are measured.
const RATE: u32 = 200;
const SEATS: usize = 16;

pub async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let page = "<title>A page</title><meta name=description content='What it says'>";
    let web = Loopback::serve(move |_| answer(200, "text/html; charset=utf-8", page)).await;
    let options = Options::new().with("log.level", "warn").with("link_preview.allow_private_networks", true);
    let mut server = Server::of(options.embedded()).await;
    let users = server.users(SEATS).await?;
    let channel = server.group("links", &users).await?;
    let busy = server.group("busy", &users).await?;
    let seats: Vec<Seat> =
        users.iter().map(|user| Seat { user: user.clone(), channel: channel.clone() }).collect();
    let count = plan.size(1_000, 200);
    let lasting = plan.size(Duration::from_secs(10), Duration::from_secs(2));
    let mut plain = None;
    for (case, link) in [("without links", String::new()), ("with a link each", web.url.clone())] {
        let (sent, burst) = tokio::join!(
            send_paced(server.address(), &seats, RATE, lasting),
            burst(server.address(), &users[0], &busy, &link, count),
        );
        burst?;
        let mut sent = sent?;
        let p99 = sent.latencies.quantile(0.99);
        let case = format!("beside {count} messages {case}");
        report.add(&case, "acknowledged p50", sent.latencies.quantile(0.5), "ms");
        let figure = report.add(&case, "acknowledged p99", p99, "ms");
        if let Some(plain) = plain.replace(p99) {
            figure.baseline(plain);
        }
    }
    report.note("the pages are in the generator, a path each, so that every link is opened");
    Ok(())
}

/// Sends messages one after the other, each with another link, or with none.
async fn burst(address: &str, user: &User, channel: &str, link: &str, count: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let path = format!("/api/channels/{channel}/messages");
    let mut request = Request::new("POST", &path, Some(&user.token));
    for n in 0..count {
        let text = if link.is_empty() { format!("message {n}") } else { format!("{link}/page/{n}") };
        let body = json!({"text": text}).to_string();
        connection.call(request.with(body.as_bytes())).await?.json().context("send a message")?;
    }
    Ok(())
}
