//! Memory of connections that do nothing.

use std::time::Duration;

use super::super::cli::Plan;
use super::super::report::Report;
use super::super::server::Server;
use super::super::socket::Subscription;
use super::subscribers::connect;

/// Growth within a second below which memory has settled, in KB.
const SETTLED_KB: u64 = 64;
/// Longest wait for that, in seconds.
const PATIENCE_S: usize = 20;

pub async fn run(server: &mut Server, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let count = plan.size(10_000, 500);
    let users = server.users(count).await?;
    for subscribed in [false, true] {
        server.fresh().await;
        let empty = settled(server).await?;
        if !subscribed {
            report
                .add("process without clients", "resident memory", empty as f64 / 1024.0, "MB")
                .aim("< 40 MB");
        }
        let readers = connect(server, &users[..count], |user| {
            if subscribed { vec![Subscription::to(user.stream())] } else { Vec::new() }
        })
        .await?;
        let full = settled(server).await?;
        let what = if subscribed { "1 subscription" } else { "no subscription" };
        let case = format!("{count} connections, {what}");
        let each = full.saturating_sub(empty) as f64 / count as f64;
        let figure = report.add(&case, "resident memory per connection", each, "KB");
        figure.aim("≤ 9 KB");
        report.add(&case, "resident memory of the process", full as f64 / 1024.0, "MB");
        let closes = readers.tally.closes();
        if !closes.is_empty() {
            report.note(format!("{case}: connections closed by the server, by code: {closes:?}"));
        }
        drop(readers);
        if subscribed {
            let gone = settled(server).await?;
            report.add(&case, "resident memory after all have left", gone as f64 / 1024.0, "MB");
        }
    }
    report
        .note("each connection belongs to a user of its own; what is cached of users and tokens is included");
    Ok(())
}

/// Resident memory in KB once it has stopped growing.
async fn settled(server: &Server) -> anyhow::Result<u64> {
    let mut last = server.resident_kb()?;
    let mut calm = 0;
    for _ in 0..PATIENCE_S {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = server.resident_kb()?;
        calm = if now.abs_diff(last) <= SETTLED_KB { calm + 1 } else { 0 };
        last = now;
        if calm == 3 {
            break;
        }
    }
    Ok(last)
}
