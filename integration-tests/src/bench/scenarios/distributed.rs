//! Separate processes on one machine: sends at a steady rate, how soon they are acknowledged, and what a
//! message costs, with two members and with a thousand.

use std::time::Duration;

use super::super::cli::Plan;
use super::super::cluster::Cluster;
use super::super::report::Report;
use super::super::senders::{Seat, Sent, send_paced};
use super::super::server::User;

/// Sends a second.
const RATE: u32 = 1000;
const SEATS: usize = 64;

pub async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(2, 2).await?;
    let many = plan.size(1000, 100);
    let users = cluster.server.users(many).await?;
    for members in [2, many] {
        // As many channels in both cases, so that only their size differs.
        let groups: Vec<(String, Vec<User>)> = (0..SEATS)
            .map(|place| {
                let others = users.iter().cycle().skip(place).take(members).cloned();
                (format!("{members} members {place}"), others.collect())
            })
            .collect();
        let channels = cluster.server.groups(&groups).await?;
        let seats: Vec<Seat> = channels
            .into_iter()
            .enumerate()
            .map(|(place, channel)| Seat { user: users[place % many].clone(), channel })
            .collect();
        measure(&cluster, plan, report, &format!("{members} members"), &seats).await?;
    }
    report.note(
        "two gateways, two message replicas, one of each other role, PostgreSQL (fsync on) and Redis on the same machine; \
         no connection listens, so a message's own cost is counted",
    );
    Ok(())
}

async fn measure(
    cluster: &Cluster,
    plan: &Plan,
    report: &mut Report,
    case: &str,
    seats: &[Seat],
) -> anyhow::Result<()> {
    let gateways = cluster.server.gateways();
    let half = seats.len() / 2;
    let paced = async |lasting: Duration| {
        let (one, two) = tokio::try_join!(
            send_paced(&gateways[0], &seats[..half], RATE / 2, lasting),
            send_paced(&gateways[1], &seats[half..], RATE / 2, lasting),
        )?;
        let mut all = Sent { acknowledged: one.acknowledged + two.acknowledged, latencies: one.latencies };
        all.latencies.merge(two.latencies);
        anyhow::Ok(all)
    };
    // What every replica remembers of these channels and people.
    paced(plan.size(Duration::from_secs(4), Duration::from_secs(1))).await?;
    let (before, redis_before) = cluster.counters().await?;
    let mut sent = paced(plan.size(Duration::from_secs(15), Duration::from_secs(3))).await?;
    let (after, redis_after) = cluster.counters().await?;

    let messages = sent.acknowledged as f64;
    report.add(case, "acknowledged p50", sent.latencies.quantile(0.5), "ms");
    report.add(case, "acknowledged p99", sent.latencies.quantile(0.99), "ms").aim("< 60 ms");
    let per_message = |name: &str| after.since(&before, name).unwrap_or(0.0) / messages;
    report.add(case, "SQL statements", per_message("parlance_sql_statements_total"), "/message");
    let commits = after.since(&before, "parlance_commit_batch_messages_count").unwrap_or(0.0);
    report.add(case, "commits", commits / messages, "/message");
    for (method, aim) in [("SendMessage", "1"), ("Touch", "1 per commit"), ("Authorize", "a cache miss")] {
        let calls = after.labelled_since(&before, "parlance_rpc_client_seconds_count", "method", method);
        report.add(case, &format!("gRPC {method}"), calls / messages, "/message").aim(aim);
    }
    report.add(case, "gRPC calls of all kinds", per_message("parlance_rpc_client_seconds_count"), "/message");
    report.add(case, "gRPC bytes", per_message("parlance_rpc_client_bytes_total"), "B/message");
    let redis = |of: fn(&super::super::cluster::RedisCounters) -> f64| {
        (of(&redis_after) - of(&redis_before)) / messages
    };
    report.add(case, "Redis commands", redis(|counters| counters.commands), "/message");
    report.add(case, "Redis bytes", redis(|counters| counters.bytes), "B/message");
    Ok(())
}
