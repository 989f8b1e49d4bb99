//! Asks push services that give receipts what became of what they took.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Micros, Result};
use parlance_sql::retrying;
use uuid::Uuid;

use super::attempt::{Attempt, End};
use super::{PAUSE, ROUNDS, Turn};
use crate::app_providers::Found;
use crate::convert;
use crate::providers::Outcome;
use crate::service::Service;
use crate::store::deliveries::{self, Delivery, LaneKey, Settled, TAKEN};
use crate::store::devices;

const CLAIM: u32 = 500;
const LIMIT: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(120);

/// Asks until no receipt of the lane is due.
pub async fn work(service: Arc<Service>, turn: Turn) {
    let lane = turn.lane;
    for _ in 0..ROUNDS {
        match round(&service, lane).await {
            Ok(true) if !service.stop.is_cancelled() => {}
            Ok(_) => return,
            Err(error) => {
                let provider = convert::kind_name(convert::stored_kind(lane.provider));
                tracing::warn!(app = %lane.app, provider, %error, "no receipts can be asked for now");
                // What is claimed is taken up again when its lease ends.
                tokio::time::sleep(PAUSE).await;
                return;
            }
        }
    }
}

/// Asks for those that are due. False = there were none.
async fn round(service: &Service, lane: LaneKey) -> Result<bool> {
    let now = service.now();
    let claim = Uuid::new_v4().to_string();
    let rows = retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        let rows =
            deliveries::claim(write.connection(), lane, TAKEN, CLAIM, &claim, now, now + LEASE).await?;
        drop(write.commit().await?);
        Ok(rows)
    });
    let rows = rows.await?;
    if rows.is_empty() {
        return Ok(false);
    }
    ask(service, lane, rows, &claim, now).await?;
    Ok(true)
}

async fn ask(service: &Service, lane: LaneKey, rows: Vec<Delivery>, claim: &str, now: Micros) -> Result<()> {
    let (app, kind) = (lane.app, convert::stored_kind(lane.provider));
    let receipts: Vec<String> = rows.iter().map(|row| row.receipt.clone()).collect();
    // Without the push service nothing more is learnt of them.
    let outcomes = match service.providers.get(app, kind).await? {
        Found::Ready(provider) => {
            tokio::time::timeout(LIMIT, provider.receipts(&receipts)).await.unwrap_or_default()
        }
        Found::Missing | Found::Broken(_) => vec![Some(Outcome::Taken { receipt: None }); rows.len()],
    };
    let nums = rows.iter().map(|row| row.device_num).collect();
    let found = devices::by_nums(service.store.read(), app, nums).await?;
    let (mut done, mut settled, mut dead_devices) = (Vec::new(), Vec::<Settled>::new(), Vec::new());
    for (place, row) in rows.into_iter().enumerate() {
        let owned =
            found.iter().filter(|device| device.num == row.device_num && device.user_num == row.user_num);
        let attempt = Attempt { devices: owned.cloned().collect(), row };
        let outcome = outcomes.get(place).cloned().flatten();
        let Some(outcome) = outcome else {
            let ask_at = now + Duration::from_secs(service.settings.receipt_after_s.max(1));
            // Nobody asks for ever.
            if ask_at.0 >= attempt.row.expires_at {
                done.push(attempt.row.id);
            } else {
                settled.push(asked_again(&attempt.row, ask_at));
            }
            continue;
        };
        let conclusion = attempt.conclude(&[outcome], &service.settings, now);
        match conclusion.end {
            End::Taken | End::Lost => done.push(attempt.row.id),
            End::AskLater(row) => settled.push(row),
            End::Later(row, label) | End::GivenUp(row, label) => {
                let provider = convert::kind_name(kind);
                metrics::counter!("parlance_notification_failed_total", "provider" => provider, "label" => label)
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

fn asked_again(row: &Delivery, ask_at: Micros) -> Settled {
    Settled {
        id: row.id,
        state: TAKEN,
        attempts: row.attempts,
        due_at: ask_at,
        receipt: row.receipt.clone(),
        error: String::new(),
        died_at: None,
    }
}
