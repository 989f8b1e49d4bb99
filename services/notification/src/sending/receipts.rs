//! Asks push services that give receipts what became of what they took.

use std::collections::BTreeMap;
use std::time::Duration;

use parlance_core::{Micros, Result};
use parlance_sql::retrying;
use uuid::Uuid;

use super::attempt::{Attempt, End};
use crate::convert;
use crate::providers::Outcome;
use crate::service::Service;
use crate::store::deliveries::{self, Delivery, Settled, TAKEN};
use crate::store::devices;

const CLAIM: u32 = 500;
const LIMIT: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(120);

/// Asks for those that are due.
pub async fn ask_due(service: &Service, now: Micros) -> Result<()> {
    if !deliveries::any_receipt_due(service.store.read(), now).await? {
        return Ok(());
    }
    let claim = Uuid::new_v4().to_string();
    let rows = retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        let rows = deliveries::claim_receipts(write.connection(), CLAIM, &claim, now, now + LEASE).await?;
        drop(write.commit().await?);
        Ok(rows)
    });
    let mut lanes: BTreeMap<(Uuid, i16), Vec<Delivery>> = BTreeMap::new();
    for row in rows.await? {
        lanes.entry((row.app, row.provider)).or_default().push(row);
    }
    for ((app, provider), rows) in lanes {
        ask(service, app, provider, rows, &claim, now).await?;
    }
    Ok(())
}

async fn ask(
    service: &Service,
    app: Uuid,
    provider: i16,
    rows: Vec<Delivery>,
    claim: &str,
    now: Micros,
) -> Result<()> {
    let kind = convert::stored_kind(provider);
    let receipts: Vec<String> = rows.iter().map(|row| row.receipt.clone()).collect();
    // Without the push service nothing more is learnt of them.
    let outcomes = match service.providers.get(app, kind).await {
        Ok(Some(provider)) => {
            tokio::time::timeout(LIMIT, provider.receipts(&receipts)).await.unwrap_or_default()
        }
        Ok(None) | Err(_) => vec![Some(Outcome::Taken { receipt: None }); rows.len()],
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
