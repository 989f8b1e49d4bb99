//! Twice the replicas, how much more? Each gateway and each message replica may use a small share of a
//! processor, so that they, and not the machine, are the limit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::cli::Plan;
use super::super::cluster::Cluster;
use super::super::quota::Quota;
use super::super::report::Report;
use super::super::senders::{Control, Seat, send_all};

/// Share of a processor for each replica.
const SHARE: f64 = 0.12;
const SEATS: usize = 64;

pub async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for replicas in [1, 2] {
        let mut cluster = Cluster::start(replicas, replicas).await?;
        let mut quotas = Vec::new();
        for node in cluster.server.nodes().iter().filter(|one| one.role == "message" || one.role == "gateway")
        {
            let quota = match Quota::new(&node.name(), SHARE) {
                Ok(quota) => quota,
                Err(error) => {
                    report.note(format!("skipped, since control groups cannot be made here: {error:#}"));
                    return Ok(());
                }
            };
            quota.take(node.pid())?;
            quotas.push(quota);
        }
        let rate = saturated(&mut cluster, plan).await?;
        let case = format!("{replicas} message, {replicas} gateway");
        report.add(&case, "sends", rate, "/s");
        rates.push((case, rate));
        drop(cluster);
        drop(quotas);
    }
    if let [(_, one), (case, _)] = &rates[..] {
        report.compare(case, "sends", *one);
    }
    report.note(format!(
        "each gateway and each message replica may use {SHARE} of a processor; the other roles, PostgreSQL, Redis and \
         the generator are not limited; the ratio is to one of each (aim: 1.7)"
    ));
    Ok(())
}

/// Sends a second with every seat sending as soon as it is answered.
async fn saturated(cluster: &mut Cluster, plan: &Plan) -> anyhow::Result<f64> {
    let users = cluster.server.users(SEATS).await?;
    let groups: Vec<_> = (0..SEATS)
        .map(|place| {
            (format!("scale {place}"), vec![users[place].clone(), users[(place + 1) % SEATS].clone()])
        })
        .collect();
    let channels = cluster.server.groups(&groups).await?;
    let seats: Vec<Seat> = channels
        .into_iter()
        .enumerate()
        .map(|(place, channel)| Seat { user: users[place].clone(), channel })
        .collect();
    let gateways = cluster.server.gateways();
    let control = Arc::new(Control::default());
    let metering = async {
        tokio::time::sleep(plan.size(Duration::from_secs(5), Duration::from_secs(1))).await;
        let first = control.acknowledged.load(Ordering::Relaxed);
        let started = Instant::now();
        tokio::time::sleep(plan.size(Duration::from_secs(15), Duration::from_secs(3))).await;
        let count = control.acknowledged.load(Ordering::Relaxed) - first;
        let rate = count as f64 / started.elapsed().as_secs_f64();
        control.stop.store(true, Ordering::Relaxed);
        rate
    };
    let share = SEATS / gateways.len();
    let sending = futures_util::future::try_join_all(
        gateways
            .iter()
            .zip(seats.chunks(share))
            .map(|(gateway, seats)| send_all(gateway, seats, &control, false, |_| true)),
    );
    let (rate, sent) = tokio::join!(metering, sending);
    sent?;
    Ok(rate)
}
