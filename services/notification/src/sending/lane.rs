//! One push service of one app at work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use parlance_core::{Micros, Num, Result};
use parlance_proto::notification::ProviderKind;
use parlance_sql::retrying;
use uuid::Uuid;

use super::Turn;
use super::attempt::{Attempt, End};
use super::circuit::Use;
use crate::convert;
use crate::domain::drops::Drop;
use crate::providers::{Outcome, Provider, Push, Target, Why};
use crate::service::Service;
use crate::store::deliveries::{self, Delivery, LaneKey, Settled};
use crate::store::devices::{self, Device};

/// Deliveries that are taken at once.
const CLAIM: u32 = 256;
/// Calls of a push service at once.
const AT_ONCE: usize = 32;
/// Longest that one call may take; a push service ends by itself sooner.
const LIMIT: Duration = Duration::from_secs(15);
/// Time for which deliveries are kept from others.
const LEASE: Duration = Duration::from_secs(45);
/// Rounds of a turn, so that lanes take turns where there are more than places.
const ROUNDS: usize = 16;

/// Works until nothing of the lane is due.
pub async fn work(service: Arc<Service>, turn: Turn) {
    let lane = turn.lane;
    for _ in 0..ROUNDS {
        match round(&service, &turn).await {
            Ok(true) if !service.stop.is_cancelled() => {}
            Ok(_) => return,
            Err(error) => {
                let provider = convert::kind_name(convert::stored_kind(lane.provider));
                tracing::warn!(app = %lane.app, provider, %error, "nothing can be sent for now");
                // What is claimed is taken up again when its lease ends.
                tokio::time::sleep(super::PAUSE).await;
                return;
            }
        }
    }
}

/// Takes what is due, tries it, writes what became of it. False = nothing was due.
async fn round(service: &Service, turn: &Turn) -> Result<bool> {
    let (lane, now) = (turn.lane, service.now());
    let most = match turn.lanes.circuits.ask(lane, now) {
        Use::Freely => CLAIM,
        Use::Try => 1,
        Use::NotBefore(until) => {
            hold(service, lane, now, until).await?;
            return Ok(false);
        }
    };
    let claim = Uuid::new_v4().to_string();
    // A claim that a crash of the machine undoes does no harm.
    let rows = retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        let rows = deliveries::claim(write.connection(), lane, most, &claim, now, now + LEASE).await?;
        drop(write.commit().await?);
        Ok(rows)
    });
    let rows = rows.await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let kind = convert::stored_kind(lane.provider);
    let attempts = with_devices(service, lane, kind, rows).await?;
    let (attempts, expired): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(|attempt| attempt.row.expires_at > now.0);
    let mut ends: Vec<(Attempt, Vec<Outcome>)> = expired.into_iter().map(refused("expired")).collect();
    let mut report = Report::default();
    match service.providers.get(lane.app, kind).await {
        Ok(Some(provider)) => {
            let tried = send(&*provider, attempts).await;
            report = report_of(&tried, service.now());
            ends.extend(tried);
        }
        Ok(None) => ends.extend(attempts.into_iter().map(refused("provider_missing"))),
        Err(error) => {
            tracing::warn!(app = %lane.app, provider = convert::kind_name(kind), %error, "a push service cannot be built");
            ends.extend(attempts.into_iter().map(refused("settings")));
        }
    }
    settle(service, kind, &claim, ends).await?;

    let now = service.now();
    if report.answered {
        if turn.lanes.circuits.answered(lane) {
            // It answers again: what waits longer than need be is due.
            hasten(service, lane, now).await?;
        }
        if let Some(until) = report.not_before {
            hold(service, lane, now, until).await?;
        }
    } else if report.failed {
        let until = turn.lanes.circuits.failed(lane, now, report.not_before);
        hold(service, lane, now, until).await?;
    }
    Ok(true)
}

fn refused(label: &'static str) -> impl Fn(Attempt) -> (Attempt, Vec<Outcome>) {
    move |attempt| {
        let outcome = Outcome::Refused { why: Why { label, detail: String::new() } };
        let outcomes = vec![outcome; attempt.devices.len().max(1)];
        (attempt, outcomes)
    }
}

/// The devices that deliveries go to, if they still belong to their users.
async fn with_devices(
    service: &Service,
    lane: LaneKey,
    kind: ProviderKind,
    rows: Vec<Delivery>,
) -> Result<Vec<Attempt>> {
    let store = service.store.read();
    let (mut by_num, mut by_user) = (HashMap::<Num, Device>::new(), HashMap::<Num, Vec<Device>>::new());
    if kind == ProviderKind::Novu {
        let kinds = service.providers.of(lane.app).await?;
        let users = rows.iter().map(|row| row.user_num).collect();
        for device in devices::of_users(store, lane.app, users).await? {
            if kinds.for_device(convert::stored_kind(device.provider)) == Some(ProviderKind::Novu) {
                by_user.entry(device.user_num).or_default().push(device);
            }
        }
    } else {
        let nums = rows.iter().map(|row| row.device_num).collect();
        let found = devices::by_nums(store, lane.app, nums).await?;
        by_num.extend(found.into_iter().map(|device| (device.num, device)));
    }
    let attempt = |row: Delivery| {
        let devices = match row.device_num {
            0 => by_user.get(&row.user_num).cloned().unwrap_or_default(),
            num => {
                let is_his =
                    |device: &&Device| device.user_num == row.user_num && device.provider == row.provider;
                by_num.get(&num).filter(is_his).cloned().into_iter().collect()
            }
        };
        Attempt { row, devices }
    };
    Ok(rows.into_iter().map(attempt).collect())
}

/// Tries each delivery once; batches go out at once.
async fn send(provider: &dyn Provider, attempts: Vec<Attempt>) -> Vec<(Attempt, Vec<Outcome>)> {
    let (farewells, attempts): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(Attempt::is_farewell);
    let size = provider.batch().max(1);
    let mut batches: Vec<Vec<Attempt>> = Vec::new();
    for attempt in attempts {
        match batches.last_mut() {
            Some(batch) if batch.len() < size => batch.push(attempt),
            _ => batches.push(vec![attempt]),
        }
    }
    let tries = batches.into_iter().map(|batch| try_batch(provider, batch));
    let ends: Vec<Vec<(Attempt, Vec<Outcome>)>> =
        futures_util::stream::iter(tries).buffer_unordered(AT_ONCE).collect().await;
    let mut ends: Vec<(Attempt, Vec<Outcome>)> = ends.into_iter().flatten().collect();
    for attempt in farewells {
        let outcome = match attempt.user_id() {
            Ok(user) => tokio::time::timeout(LIMIT, provider.forget(attempt.row.app, &user))
                .await
                .unwrap_or_else(|_| later("timeout")),
            Err(_) => Outcome::Refused { why: Why { label: "payload", detail: String::new() } },
        };
        ends.push((attempt, vec![outcome]));
    }
    ends
}

async fn try_batch(provider: &dyn Provider, batch: Vec<Attempt>) -> Vec<(Attempt, Vec<Outcome>)> {
    let (mut pushes, mut places) = (Vec::<(Push, Target)>::new(), Vec::new());
    for attempt in &batch {
        let start = pushes.len();
        // What does not read is a dead letter, without a try.
        match attempt.pushes() {
            Ok(own) => {
                pushes.extend(own);
                places.push(Some(start..pushes.len()));
            }
            Err(_) => places.push(None),
        }
    }
    let outcomes = match pushes.is_empty() {
        true => Vec::new(),
        false => match tokio::time::timeout(LIMIT, provider.send(&pushes)).await {
            Ok(outcomes) => outcomes,
            Err(_) => vec![later("timeout"); pushes.len()],
        },
    };
    let of = |place: &Option<std::ops::Range<usize>>, attempt: &Attempt| match place {
        // An answer that is missing may have been lost on its way.
        Some(range) => {
            range.clone().map(|at| outcomes.get(at).cloned().unwrap_or_else(|| later("malformed"))).collect()
        }
        None => {
            let why = Why { label: "payload", detail: String::new() };
            vec![Outcome::Refused { why }; attempt.devices.len()]
        }
    };
    batch
        .into_iter()
        .zip(places)
        .map(|(attempt, place)| {
            let outcomes = of(&place, &attempt);
            (attempt, outcomes)
        })
        .collect()
}

fn later(label: &'static str) -> Outcome {
    Outcome::Later { after: None, why: Why { label, detail: String::new() } }
}

/// What a round says of the push service.
#[derive(Default)]
struct Report {
    /// It has answered something that makes sense.
    answered: bool,
    /// It has failed.
    failed: bool,
    /// It wants to be left alone until then.
    not_before: Option<Micros>,
}

fn report_of(tried: &[(Attempt, Vec<Outcome>)], now: Micros) -> Report {
    let mut report = Report::default();
    for outcome in tried.iter().flat_map(|(_, outcomes)| outcomes) {
        match outcome {
            Outcome::Later { after, .. } => {
                report.failed = true;
                report.not_before = report.not_before.max(after.map(|after| now + after));
            }
            Outcome::Taken { .. } | Outcome::TokenDead | Outcome::Refused { .. } => report.answered = true,
        }
    }
    report
}

/// Writes what became of deliveries, in one transaction.
async fn settle(
    service: &Service,
    kind: ProviderKind,
    claim: &str,
    ends: Vec<(Attempt, Vec<Outcome>)>,
) -> Result<()> {
    let (now, provider) = (service.now(), convert::kind_name(kind));
    let failed = |label: &'static str| {
        metrics::counter!("parlance_notification_failed_total", "provider" => provider, "label" => label)
            .increment(1);
    };
    let (mut done, mut settled, mut dead_devices) = (Vec::new(), Vec::<Settled>::new(), Vec::new());
    for (attempt, outcomes) in ends {
        let conclusion = attempt.conclude(&outcomes, &service.settings, now);
        conclusion.dead_devices.iter().for_each(|_| failed("token_dead"));
        if matches!(conclusion.end, End::Taken | End::AskLater(_)) {
            metrics::counter!("parlance_notification_sent_total", "provider" => provider).increment(1);
            let age = now.since(Micros(attempt.row.happened_at));
            metrics::histogram!("parlance_notification_seconds", "provider" => provider).record(age);
        }
        match conclusion.end {
            End::Taken => done.push(attempt.row.id),
            End::Lost => {
                Drop::NoDevice.count(1);
                done.push(attempt.row.id);
            }
            End::AskLater(row) => settled.push(row),
            End::Later(row, label) => {
                failed(label);
                settled.push(row);
            }
            End::GivenUp(row, label) => {
                failed(label);
                metrics::counter!("parlance_notification_given_up_total", "provider" => provider)
                    .increment(1);
                settled.push(row);
            }
        }
        dead_devices.extend(conclusion.dead_devices);
    }
    retrying(|| async {
        let write = service.store.begin().await?;
        deliveries::remove(write.connection(), claim, &done).await?;
        deliveries::settle(write.connection(), claim, &settled).await?;
        for device in &dead_devices {
            devices::remove_dead(write.connection(), device).await?;
        }
        drop(write.commit().await?);
        Ok(())
    })
    .await
}

async fn hold(service: &Service, lane: LaneKey, now: Micros, until: Micros) -> Result<()> {
    retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        deliveries::hold(write.connection(), lane, now, until).await?;
        drop(write.commit().await?);
        Ok(())
    })
    .await
}

async fn hasten(service: &Service, lane: LaneKey, now: Micros) -> Result<()> {
    retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        deliveries::hasten(write.connection(), lane, now).await?;
        drop(write.commit().await?);
        Ok(())
    })
    .await
}
