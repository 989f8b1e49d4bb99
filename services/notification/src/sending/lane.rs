//! One push service of one app at work.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use parlance_core::{Micros, Num, Result};
use parlance_proto::notification::ProviderKind;
use parlance_sql::retrying;
use url::Url;
use uuid::Uuid;

use super::attempt::{Attempt, End};
use super::circuit::{Circuits, Place, Use};
use super::{PAUSE, ROUNDS, Turn};
use crate::app_providers::Found;
use crate::convert;
use crate::domain::drops::Drop;
use crate::providers::{Outcome, Provider, Push, Target, Why};
use crate::service::Service;
use crate::store::deliveries::{self, Delivery, LaneKey, Settled, WAITING};
use crate::store::devices::{self, Device};

/// Deliveries that are taken at once.
const CLAIM: u32 = 256;
/// Calls of a push service at once.
const AT_ONCE: usize = 32;
/// Longest that one call may take; a push service ends by itself sooner.
const LIMIT: Duration = Duration::from_secs(15);
/// Time for which deliveries are kept from others.
const LEASE: Duration = Duration::from_secs(45);

/// Works until nothing of the lane is due.
pub async fn work(service: Arc<Service>, turn: Turn, circuits: Arc<Circuits>) {
    let lane = turn.lane;
    for _ in 0..ROUNDS {
        match round(&service, lane, &circuits).await {
            Ok(true) if !service.stop.is_cancelled() => {}
            Ok(_) => return,
            Err(error) => {
                let provider = convert::kind_name(convert::stored_kind(lane.provider));
                tracing::warn!(app = %lane.app, provider, %error, "nothing can be sent for now");
                // What is claimed is taken up again when its lease ends.
                tokio::time::sleep(PAUSE).await;
                return;
            }
        }
    }
}

/// Deliveries that were tried, with an outcome for each of their devices.
type Tried = Vec<(Attempt, Vec<Outcome>)>;

/// Takes what is due, tries it, writes what became of it. False = nothing was due.
async fn round(service: &Service, lane: LaneKey, circuits: &Circuits) -> Result<bool> {
    let now = service.now();
    let most = match circuits.ask(&Place { lane, origin: None }, now) {
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
        let rows =
            deliveries::claim(write.connection(), lane, WAITING, most, &claim, now, now + LEASE).await?;
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
    let mut ends: Tried = expired.into_iter().map(refused("expired")).collect();
    // If the store does not say, what is claimed is left to its lease.
    let label = match service.providers.get(lane.app, kind).await? {
        Found::Ready(provider) => {
            settle(service, kind, &claim, ends, Vec::new()).await?;
            try_all(service, lane, circuits, &claim, &*provider, attempts).await?;
            return Ok(true);
        }
        Found::Missing => "provider_missing",
        Found::Broken(error) => {
            tracing::warn!(app = %lane.app, provider = convert::kind_name(kind), %error, "a push service cannot be built");
            "settings"
        }
    };
    ends.extend(attempts.into_iter().map(refused(label)));
    settle(service, kind, &claim, ends, Vec::new()).await?;
    Ok(true)
}

/// Tries what may be tried, and puts off the rest.
async fn try_all(
    service: &Service,
    lane: LaneKey,
    circuits: &Circuits,
    claim: &str,
    provider: &dyn Provider,
    attempts: Vec<Attempt>,
) -> Result<()> {
    let kind = convert::stored_kind(lane.provider);
    let (attempts, aside) = sift(lane, circuits, attempts, service.now());
    let (farewells, attempts): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(Attempt::is_farewell);

    let tried = send(provider, attempts).await;
    let now = service.now();
    let after = conclude(lane, circuits, &tried, now);
    let put_off = |(place, attempt): (Place, Attempt)| match circuits.ask(&place, now) {
        Use::NotBefore(until) => attempt.put_off(until),
        Use::Freely | Use::Try => attempt.put_off(now),
    };
    settle(service, kind, claim, tried, aside.into_iter().map(put_off).collect()).await?;
    follow(service, lane, after).await?;

    if !farewells.is_empty() {
        let told = say_farewells(provider, farewells).await;
        let after = conclude(lane, circuits, &told, service.now());
        settle(service, kind, claim, told, Vec::new()).await?;
        follow(service, lane, after).await?;
    }
    Ok(())
}

fn refused(label: &'static str) -> impl Fn(Attempt) -> (Attempt, Vec<Outcome>) {
    move |attempt| {
        let outcome = Outcome::Refused { why: Why { label, detail: String::new() } };
        let outcomes = vec![outcome; attempt.devices.len().max(1)];
        (attempt, outcomes)
    }
}

/// Where a delivery goes: what is learnt of one is learnt of all with the same place.
fn place(lane: LaneKey, attempt: &Attempt) -> Place {
    let by_origin = convert::stored_kind(lane.provider) == ProviderKind::WebPush;
    let endpoint = attempt.devices.first().filter(|_| by_origin).map(|device| &device.token);
    let origin = |url: &String| Url::parse(url).map(|url| url.origin().ascii_serialization());
    Place { lane, origin: endpoint.map(|url| origin(url).unwrap_or_default()) }
}

/// What may be tried now, and what has to wait: for an origin that fails, or for one that is tried with another
/// delivery first.
fn sift(
    lane: LaneKey,
    circuits: &Circuits,
    attempts: Vec<Attempt>,
    now: Micros,
) -> (Vec<Attempt>, Vec<(Place, Attempt)>) {
    let (mut tried, mut aside, mut asked) = (Vec::new(), Vec::new(), HashSet::new());
    for attempt in attempts {
        let place = place(lane, &attempt);
        // What has no origin was asked about when it was claimed.
        let may_go = place.origin.is_none()
            || match circuits.ask(&place, now) {
                Use::Freely => true,
                Use::Try => asked.insert(place.clone()),
                Use::NotBefore(_) => false,
            };
        if may_go { tried.push(attempt) } else { aside.push((place, attempt)) }
    }
    (tried, aside)
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
async fn send(provider: &dyn Provider, attempts: Vec<Attempt>) -> Tried {
    let size = provider.batch().max(1);
    let mut batches: Vec<Vec<Attempt>> = Vec::new();
    for attempt in attempts {
        match batches.last_mut() {
            Some(batch) if batch.len() < size => batch.push(attempt),
            _ => batches.push(vec![attempt]),
        }
    }
    let tries = batches.into_iter().map(|batch| try_batch(provider, batch));
    let ends: Vec<Tried> = futures_util::stream::iter(tries).buffer_unordered(AT_ONCE).collect().await;
    ends.into_iter().flatten().collect()
}

/// All of them within `LIMIT`, which with the pushes before them is less than the lease.
async fn say_farewells(provider: &dyn Provider, farewells: Vec<Attempt>) -> Tried {
    let deadline = tokio::time::Instant::now() + LIMIT;
    let tell = |attempt: Attempt| async move {
        let outcome = match attempt.user_id() {
            Ok(user) => tokio::time::timeout_at(deadline, provider.forget(attempt.row.app, &user))
                .await
                .unwrap_or_else(|_| later("timeout")),
            Err(_) => Outcome::Refused { why: Why { label: "payload", detail: String::new() } },
        };
        (attempt, vec![outcome])
    };
    futures_util::stream::iter(farewells.into_iter().map(tell)).buffer_unordered(AT_ONCE).collect().await
}

async fn try_batch(provider: &dyn Provider, batch: Vec<Attempt>) -> Tried {
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

/// What tries say of a place.
#[derive(Default)]
struct Report {
    /// It has answered something that makes sense.
    answered: bool,
    /// It has failed.
    failed: bool,
    /// It wants to be left alone until then.
    not_before: Option<Micros>,
}

impl Report {
    fn add(&mut self, place: &Place, outcome: &Outcome, now: Micros) {
        match outcome {
            // Of one endpoint; others of its origin may be welcome.
            Outcome::Later { why, .. } if place.origin.is_some() && !why.is_outage() => self.answered = true,
            Outcome::Later { after, .. } => {
                self.failed = true;
                self.not_before = self.not_before.max(after.map(|after| now + after));
            }
            outcome => self.answered |= outcome.is_answer(),
        }
    }
}

/// What follows from a round for what else waits in the lane.
#[derive(Default)]
struct After {
    hasten: bool,
    hold: Option<Micros>,
}

/// Notes who answers and who fails. Of Web Push nothing follows for the lane: each origin is held when something
/// goes there, for minutes at most.
fn conclude(lane: LaneKey, circuits: &Circuits, tried: &[(Attempt, Vec<Outcome>)], now: Micros) -> After {
    let mut reports: HashMap<Place, Report> = HashMap::new();
    for (attempt, outcomes) in tried {
        let place = place(lane, attempt);
        for outcome in outcomes {
            reports.entry(place.clone()).or_default().add(&place, outcome, now);
        }
    }
    let mut after = After::default();
    for (place, report) in reports {
        let of_lane = place.origin.is_none();
        if report.answered {
            // It answers again: what waits longer than need be is due.
            after.hasten |= circuits.answered(&place) && of_lane;
            after.hold = report.not_before.filter(|_| of_lane);
        } else if report.failed {
            let until = circuits.failed(&place, now, report.not_before);
            after.hold = Some(until).filter(|_| of_lane);
        }
    }
    after
}

async fn follow(service: &Service, lane: LaneKey, after: After) -> Result<()> {
    let now = service.now();
    if after.hasten {
        hasten(service, lane, now).await?;
    }
    if let Some(until) = after.hold {
        hold(service, lane, now, until).await?;
    }
    Ok(())
}

/// Writes what became of deliveries, and what was settled already, in one transaction.
async fn settle(
    service: &Service,
    kind: ProviderKind,
    claim: &str,
    ends: Tried,
    mut settled: Vec<Settled>,
) -> Result<()> {
    if ends.is_empty() && settled.is_empty() {
        return Ok(());
    }
    let (now, provider) = (service.now(), convert::kind_name(kind));
    let failed = |label: &'static str| {
        metrics::counter!("parlance_notification_failed_total", "provider" => provider, "label" => label)
            .increment(1);
    };
    let (mut done, mut dead_devices) = (Vec::new(), Vec::new());
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
        let write = service.store.begin_relaxed().await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(origin: Option<&str>, outcomes: &[Outcome]) -> (bool, bool, Option<u64>) {
        let lane = LaneKey { app: Uuid::nil(), provider: 1 };
        let place = Place { lane, origin: origin.map(str::to_owned) };
        let now = Micros::from_secs(1_790_000_000);
        let mut report = Report::default();
        for outcome in outcomes {
            report.add(&place, outcome, now);
        }
        (report.answered, report.failed, report.not_before.map(|at| at.since(now).as_secs()))
    }

    fn put_off(label: &'static str) -> Outcome {
        let why = Why { label, detail: String::new() };
        Outcome::Later { after: Some(Duration::from_secs(60)), why }
    }

    fn refusal(label: &'static str) -> Outcome {
        Outcome::Refused { why: Why { label, detail: String::new() } }
    }

    #[test]
    fn what_was_found_out_here_is_no_answer() {
        let here = [Outcome::NoToken, refusal("expired"), refusal("address"), refusal("too_long")];
        assert_eq!(report(None, &here), (false, false, None));
        for said in [Outcome::TokenDead, Outcome::Taken { receipt: None }, refusal("credentials")] {
            assert_eq!(report(None, &[said]), (true, false, None));
        }
        assert_eq!(report(None, &[put_off("429"), Outcome::NoToken]), (false, true, Some(60)));
    }

    #[test]
    fn an_origin_fails_when_it_is_away_and_not_when_one_endpoint_is_busy() {
        let origin = Some("https://push.example");
        assert_eq!(report(origin, &[put_off("429")]), (true, false, None));
        assert_eq!(report(origin, &[put_off("5xx")]), (false, true, Some(60)));
        assert!(report(origin, &[put_off("unreachable"), Outcome::TokenDead]).0);
    }
}
