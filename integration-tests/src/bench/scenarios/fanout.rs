//! One channel, many subscribers: deliveries, their cost and their age.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::cli::Plan;
use super::super::latencies::Latencies;
use super::super::process::Usage;
use super::super::raw::{Child, Order};
use super::super::report::Report;
use super::super::senders::{Control, Seat, Sent, TEXT, send_all, send_paced};
use super::super::server::{Server, chat};
use super::super::socket::{Counts, Readers, Subscription};
use super::subscribers::{connect, connect_plain};

const SENDERS: usize = 64;
/// Senders of the paced case: enough that one slow answer delays nobody.
const PACED_SENDERS: usize = 16;
/// Messages per second of the paced case.
const PACE: u32 = 100;

/// One measured interval.
#[derive(Debug)]
struct Interval {
    took: Duration,
    deliveries: u64,
    bytes: u64,
    reads: u64,
    /// Of the process that writes, and others.
    usage: Usage,
    latencies: Latencies,
}

impl Interval {
    fn rate(&self) -> f64 {
        self.deliveries as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of the writer's processor time per delivery.
    fn cost(&self) -> f64 {
        self.usage.measured.as_micros() as f64 / self.deliveries.max(1) as f64
    }

    fn per_read(&self) -> f64 {
        self.deliveries as f64 / self.reads.max(1) as f64
    }

    fn bytes_each(&self) -> usize {
        (self.bytes / self.deliveries.max(1)) as usize
    }
}

pub async fn run(server: &mut Server, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let sizes = plan.size([1_000, 10_000].as_slice(), [500].as_slice());
    for &subscribers in sizes {
        let users = server.users(subscribers.max(SENDERS)).await?;
        server.fresh().await;
        let members = &users[..subscribers];
        let channel = server.group(&format!("fanout {subscribers}"), members).await?;
        let stream = chat(&channel);
        let readers = connect(server, members, |_| vec![Subscription::to(stream.clone())]).await?;
        let seats: Vec<Seat> = members[..SENDERS]
            .iter()
            .map(|user| Seat { user: user.clone(), channel: channel.clone() })
            .collect();

        let saturated = saturated(server, plan, subscribers, &readers, &seats).await?;
        let paced = if subscribers == sizes[0] {
            Some(paced(server, plan, subscribers, &readers, &seats).await?)
        } else {
            None
        };
        let closes = readers.tally.closes();
        if !closes.is_empty() {
            report.note(format!("{subscribers} subscribers: closed by the server, by code: {closes:?}"));
        }
        // Its sockets are needed for the baseline.
        drop(readers);
        saturated.report(plan, subscribers, report).await?;
        if let Some(paced) = paced {
            paced.report(plan, subscribers, report).await?;
        }
    }
    let windows: Vec<u64> = sizes.iter().map(|size| plan.window(*size)).collect();
    report.note(format!(
        "subscribers follow the channel alone; texts have {TEXT} bytes; saturated = 64 senders, as fast as \
         acknowledged, at most {windows:?} messages ahead of the average subscriber"
    ));
    report.note(
        "baseline = a process that does nothing but vectored writes of frames of the same size to as many \
         sockets, saturated with as many frames per write as the server's flushes had publications",
    );
    Ok(())
}

/// As fast as it goes.
#[derive(Debug)]
struct Saturated {
    interval: Interval,
    sends: u64,
    /// Publications per flush, as the server counts them.
    per_flush: Option<f64>,
    missing: i64,
}

async fn saturated(
    server: &Server,
    plan: &Plan,
    subscribers: usize,
    readers: &Readers,
    seats: &[Seat],
) -> anyhow::Result<Saturated> {
    let control = Arc::new(Control::default());
    let tally = &readers.tally;
    let start = tally.counts();
    let window = plan.window(subscribers);
    let may_go = |acknowledged: u64| {
        let seen = (tally.counts().deliveries - start.deliveries) / subscribers as u64;
        acknowledged < seen + window
    };
    let metering = async {
        tokio::time::sleep(warm_up(plan)).await;
        let before = server.metrics().await?;
        let first = control.acknowledged.load(Ordering::Relaxed);
        let interval = measure(readers, server.pid(), tokio::time::sleep(length(plan))).await?;
        let sends = control.acknowledged.load(Ordering::Relaxed) - first;
        let after = server.metrics().await?;
        control.stop.store(true, Ordering::Relaxed);
        let flushes = after.since(&before, "parlance_realtime_queue_bytes_count");
        let written = after.since(&before, "parlance_realtime_deliveries_total");
        let per_flush = written.zip(flushes).map(|(written, flushes)| written / flushes.max(1.0));
        anyhow::Ok((interval, sends, per_flush))
    };
    let sending = send_all(server.address(), seats, &control, false, may_go);
    let (metered, sent) = tokio::join!(metering, sending);
    sent?;
    let (interval, sends, per_flush) = metered?;
    let expected = control.acknowledged.load(Ordering::Relaxed) * subscribers as u64;
    let missing = settle(readers, start, expected).await;
    Ok(Saturated { interval, sends, per_flush, missing })
}

impl Saturated {
    async fn report(mut self, plan: &Plan, subscribers: usize, report: &mut Report) -> anyhow::Result<()> {
        let case = format!("{subscribers} subscribers, saturated");
        let interval = &mut self.interval;
        let whole = |mean: f64| (mean.round() as usize).max(1);
        let batch =
            plan.batch.unwrap_or_else(|| whole(self.per_flush.unwrap_or_else(|| interval.per_read())));
        let frame_bytes = interval.bytes_each();
        let order = Order { frame_bytes, batch, per_second: None, millis: 0 };
        let mut base = baseline(plan, subscribers, order).await?;

        let p = |of: &mut Interval, share| of.latencies.quantile(share);
        report.add(&case, "deliveries", interval.rate(), "/s").baseline(base.rate()).aim("≥ 1,000,000/s");
        report.add(&case, "server CPU per delivery", interval.cost(), "µs").baseline(base.cost()).aim("≤ 2x");
        report.add(&case, "p50", p(interval, 0.5), "ms").baseline(p(&mut base, 0.5));
        report.add(&case, "p99", p(interval, 0.99), "ms").baseline(p(&mut base, 0.99));
        report.add(&case, "bytes per delivery", frame_bytes as f64, "B").baseline(base.bytes_each() as f64);
        report.add(&case, "publications per flush", self.per_flush.unwrap_or(0.0), "").baseline(batch as f64);
        report.add(&case, "publications per read", interval.per_read(), "").baseline(base.per_read());
        report.add(&case, "sends", self.sends as f64 / interval.took.as_secs_f64(), "/s");
        report.add(&case, "deliveries missing", self.missing as f64, "").aim("0");
        report.add_cores(&case, &interval.usage, interval.took);
        report.add_cores(&format!("{case}, baseline"), &base.usage, base.took);
        Ok(())
    }
}

/// At a steady rate, as users feel it.
#[derive(Debug)]
struct Paced {
    interval: Interval,
    acknowledged: Latencies,
    missing: i64,
}

async fn paced(
    server: &Server,
    plan: &Plan,
    subscribers: usize,
    readers: &Readers,
    seats: &[Seat],
) -> anyhow::Result<Paced> {
    let start = readers.tally.counts();
    let seats = &seats[..PACED_SENDERS];
    let warm = send_paced(server.address(), seats, PACE, warm_up(plan)).await?;
    let mut sent = None;
    let interval = measure(readers, server.pid(), async {
        sent = Some(send_paced(server.address(), seats, PACE, length(plan)).await);
    })
    .await?;
    let sent = sent.unwrap_or_else(|| Ok(Sent::default()))?;
    let expected = (warm.acknowledged + sent.acknowledged) * subscribers as u64;
    let missing = settle(readers, start, expected).await;
    Ok(Paced { interval, acknowledged: sent.latencies, missing })
}

impl Paced {
    async fn report(mut self, plan: &Plan, subscribers: usize, report: &mut Report) -> anyhow::Result<()> {
        let case = format!("{subscribers} subscribers, {PACE} messages/s");
        let interval = &mut self.interval;
        let order = Order { frame_bytes: interval.bytes_each(), batch: 1, per_second: Some(PACE), millis: 0 };
        let mut base = baseline(plan, subscribers, order).await?;

        let p = |of: &mut Interval, share| of.latencies.quantile(share);
        report.add(&case, "deliveries", interval.rate(), "/s").baseline(base.rate());
        report.add(&case, "p50 from due to arrival", p(interval, 0.5), "ms").baseline(p(&mut base, 0.5));
        report
            .add(&case, "p99 from due to arrival", p(interval, 0.99), "ms")
            .baseline(p(&mut base, 0.99))
            .aim("≤ 2x");
        report.add(&case, "acknowledged p50", self.acknowledged.quantile(0.5), "ms");
        report.add(&case, "acknowledged p99", self.acknowledged.quantile(0.99), "ms");
        report.add(&case, "server CPU per delivery", interval.cost(), "µs").baseline(base.cost());
        report.add(&case, "deliveries missing", self.missing as f64, "").aim("0");
        report.add_cores(&case, &interval.usage, interval.took);
        report.add_cores(&format!("{case}, baseline"), &base.usage, base.took);
        report.note(
            "the paced server also receives, stores and acknowledges each message; its baseline only writes",
        );
        Ok(())
    }
}

/// The same bytes, written by a process that does nothing else.
async fn baseline(plan: &Plan, subscribers: usize, order: Order) -> anyhow::Result<Interval> {
    let mut child = Child::start(subscribers).await?;
    let readers = connect_plain(&child.address, subscribers).await?;
    child.ready().await?;
    let millis = |time: Duration| time.as_millis() as u64;
    child.run(&Order { millis: millis(warm_up(plan) / 2), ..order.clone() }).await?;
    let counts = readers.tally.counts();
    settle_down(&readers, counts).await;
    readers.tally.take_latencies();
    let order = Order { millis: millis(length(plan)), ..order };
    let (before, usage) = (readers.tally.counts(), Usage::now(child.pid()?)?);
    let started = Instant::now();
    let writes = child.run(&order).await?;
    let took = started.elapsed();
    let usage = Usage::now(child.pid()?)?.since(usage);
    let deliveries = writes * order.batch as u64;
    let counts = settle_down(&readers, before).await;
    Ok(Interval {
        took,
        deliveries,
        bytes: counts.bytes - before.bytes,
        reads: counts.reads - before.reads,
        usage,
        latencies: readers.tally.take_latencies(),
    })
}

/// Counts what arrives while something runs.
async fn measure(readers: &Readers, pid: u32, during: impl Future<Output = ()>) -> anyhow::Result<Interval> {
    readers.tally.take_latencies();
    let (before, usage) = (readers.tally.counts(), Usage::now(pid)?);
    let started = Instant::now();
    during.await;
    let took = started.elapsed();
    let counts = readers.tally.counts();
    Ok(Interval {
        took,
        deliveries: counts.deliveries - before.deliveries,
        bytes: counts.bytes - before.bytes,
        reads: counts.reads - before.reads,
        usage: Usage::now(pid)?.since(usage),
        latencies: readers.tally.take_latencies(),
    })
}

/// Waits until everything expected has arrived or nothing arrives any more; what is missing then.
async fn settle(readers: &Readers, start: Counts, expected: u64) -> i64 {
    let counts = settle_down(readers, start).await;
    expected as i64 - (counts.deliveries - start.deliveries) as i64
}

/// Waits until nothing has arrived for half a second.
async fn settle_down(readers: &Readers, start: Counts) -> Counts {
    let mut last = start;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = readers.tally.counts();
        if now.bytes == last.bytes {
            return now;
        }
        last = now;
    }
}

fn warm_up(plan: &Plan) -> Duration {
    plan.size(Duration::from_secs(3), Duration::from_millis(500))
}

fn length(plan: &Plan) -> Duration {
    plan.size(Duration::from_secs(10), Duration::from_secs(2))
}
