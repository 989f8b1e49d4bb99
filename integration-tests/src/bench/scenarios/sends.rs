//! Persisted sends over REST: how many, how soon, and at what cost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::super::cli::Plan;
use super::super::report::Report;
use super::super::senders::{Control, Seat, Sent, send_all};
use super::super::server::Server;
use super::inserts;

const SENDERS: usize = 64;

struct Case {
    name: &'static str,
    channels: usize,
    client_ids: bool,
}

pub async fn run(server: &mut Server, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let cases = [
        Case { name: "64 senders, 1 channel", channels: 1, client_ids: false },
        Case { name: "64 senders, 64 channels", channels: 64, client_ids: false },
        Case { name: "64 senders, 1 channel, clientMsgId", channels: 1, client_ids: true },
    ];
    let users = server.users(SENDERS).await?;
    for case in cases {
        server.fresh().await;
        let groups: Vec<_> = (0..case.channels)
            .map(|place| {
                let members = if case.channels == 1 {
                    users.to_vec()
                } else {
                    vec![users[place].clone(), users[(place + 1) % SENDERS].clone()]
                };
                (format!("sends {} {place} {}", case.channels, case.client_ids), members)
            })
            .collect();
        let channels = server.groups(&groups).await?;
        let seats: Vec<Seat> = (0..SENDERS)
            .map(|place| Seat {
                user: users[place].clone(),
                channel: channels[place % channels.len()].clone(),
            })
            .collect();
        measure(server, plan, report, &case, &seats).await?;
        server.stop().await;
        let rates = inserts::measure(&server.data(), plan).await;
        server.start_again().await;
        let rates = rates.context("the baseline")?;
        report.compare(case.name, "sends", rates.batched);
        report.add(case.name, "bare inserts, 64 messages per commit", rates.batched, "/s");
        report.add(case.name, "bare inserts, 1 message per commit", rates.single, "/s");
    }
    report.note(
        "baseline = the rows of each case in `messages` and `stream_entries`, with their indexes, written to an empty \
         SQLite file (WAL, synchronous=FULL) by sqlx alone, 64 messages per commit",
    );
    Ok(())
}

async fn measure(
    server: &Server,
    plan: &Plan,
    report: &mut Report,
    case: &Case,
    seats: &[Seat],
) -> anyhow::Result<()> {
    let control = Arc::new(Control::default());
    let metering = async {
        tokio::time::sleep(plan.size(Duration::from_secs(3), Duration::from_millis(500))).await;
        let (before, usage) = (server.metrics().await?, server.usage()?);
        let first = control.acknowledged.load(Ordering::Relaxed);
        control.measuring.store(true, Ordering::Relaxed);
        let started = Instant::now();
        tokio::time::sleep(plan.size(Duration::from_secs(10), Duration::from_secs(2))).await;
        control.measuring.store(false, Ordering::Relaxed);
        let took = started.elapsed();
        let count = control.acknowledged.load(Ordering::Relaxed) - first;
        let usage = server.usage()?.since(usage);
        let after = server.metrics().await?;
        control.stop.store(true, Ordering::Relaxed);
        let batch = after.mean_since(&before, "parlance_commit_batch_messages");
        let commit = after.mean_since(&before, "parlance_commit_seconds");
        anyhow::Ok((took, count as f64, usage, batch, commit))
    };
    let sending = send_all(server.address(), seats, &control, case.client_ids, |_| true);
    let (metered, sent) = tokio::join!(metering, sending);
    let Sent { mut latencies, .. } = sent?;
    let (took, count, usage, batch, commit) = metered?;
    let seconds = took.as_secs_f64();
    report.add(case.name, "sends", count / seconds, "/s").aim("≥ 10,000/s");
    report.add(case.name, "acknowledged p50", latencies.quantile(0.5), "ms");
    report.add(case.name, "acknowledged p99", latencies.quantile(0.99), "ms").aim("< 25 ms");
    report.add(
        case.name,
        "server CPU per 1,000 sends",
        usage.measured.as_secs_f64() * 1000.0 / count.max(1.0),
        "s",
    );
    report.add_cores(case.name, &usage, took);
    if let Some(batch) = batch {
        report.add(case.name, "messages per commit", batch, "");
    }
    if let Some(commit) = commit {
        report.add(case.name, "commit, mean", commit * 1000.0, "ms");
    }
    Ok(())
}
