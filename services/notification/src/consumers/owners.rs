//! Who has a device: remembered, and looked at again when devices are registered, here or elsewhere.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parlance_core::{Micros, Num, NumGenerator, Result};
use parlance_sql::Store;
use uuid::Uuid;

use crate::store::devices;

const KEPT: Duration = Duration::from_secs(300);
const MOST: u64 = 2_000_000;
/// Registrations of one look.
const PAGE: u32 = 1_000;
/// How far a look goes back: a registration may be committed later than one with a higher number.
const OVERLAP: Duration = Duration::from_secs(15);

/// Says of users whether they have a device. One who has lost his may be taken for an owner for a while:
/// it is found out when it is decided.
pub struct Owners {
    store: Store,
    known: Cache<(Uuid, Num), bool>,
    /// Up to which registration all are known.
    seen: AtomicI64,
}

impl Owners {
    pub fn new(store: Store, now: Micros) -> Self {
        let known = Cache::builder().max_capacity(MOST).time_to_live(KEPT).build();
        Self { store, known, seen: AtomicI64::new(num_at(now)) }
    }

    /// Takes note of whoever has registered a device since the last look.
    pub async fn look(&self, now: Micros) -> Result<()> {
        let mut seen = self.seen.load(Ordering::Relaxed);
        loop {
            let page = devices::registered_since(self.store.read(), seen, PAGE).await?;
            for registered in &page {
                self.known.insert((registered.app, registered.user_num), true);
                seen = registered.changed;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        self.seen.store(seen.min(num_at(now - OVERLAP)), Ordering::Relaxed);
        Ok(())
    }

    /// Those of these users who have a device.
    pub async fn among(&self, app: Uuid, users: &HashSet<Num>) -> Result<HashSet<Num>> {
        let (mut owners, mut unknown) = (HashSet::new(), Vec::new());
        for &user in users {
            match self.known.get(&(app, user)) {
                Some(true) => {
                    owners.insert(user);
                }
                Some(false) => {}
                None => unknown.push(user),
            }
        }
        let found: HashSet<Num> =
            devices::owners_among(self.store.read(), app, &unknown).await?.into_iter().collect();
        for user in unknown {
            self.known.insert((app, user), found.contains(&user));
        }
        owners.extend(found);
        Ok(owners)
    }
}

/// A num that is lower than all that are made after an instant.
fn num_at(at: Micros) -> Num {
    NumGenerator::new(0).next(at - OVERLAP)
}
