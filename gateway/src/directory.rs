//! Users by num, cached: names and pictures stand beside every message, and change seldom.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parlance_core::{Caller, Num, Result};
use parlance_proto::auth;
use parlance_rpc::{AuthClient, Context};
use uuid::Uuid;

const CAPACITY: u64 = 100_000;
/// Age at which an entry is read anew, should the event that tells of a change have been lost.
const LIFE: Duration = Duration::from_secs(30);
/// Most users that auth answers at once.
const BATCH: usize = 1000;

/// Users as auth knows them, deleted ones included (`deleted_at` set, no personal data).
pub struct Directory {
    auth: AuthClient,
    users: Cache<Num, Arc<auth::User>>,
    /// Other gateways change users too, and the event that tells of it may still be on its way.
    shared: bool,
    /// Counts `forget`s: what was read before one is not kept after it.
    forgotten: AtomicU64,
}

impl Directory {
    /// `shared`: there are other gateways.
    pub fn new(auth: AuthClient, shared: bool) -> Self {
        let users = Cache::builder().max_capacity(CAPACITY).time_to_live(LIFE).build();
        Self { auth, users, shared, forgotten: AtomicU64::new(0) }
    }

    /// The users with these nums as they are now: what another gateway has just changed and confirmed
    /// is in it. For answers to readers; nums that the app does not know are left out.
    pub async fn users_now(
        &self,
        app: Uuid,
        nums: impl IntoIterator<Item = Num>,
    ) -> Result<HashMap<Num, Arc<auth::User>>> {
        if !self.shared {
            return self.users(app, nums).await;
        }
        self.ask(app, nums.into_iter().filter(|num| *num != 0).collect()).await
    }

    /// The users with these nums, in one question for all that are not at hand. Nums that the app
    /// does not know (and 0, the system) are left out. For live events and for one's own sends.
    pub async fn users(
        &self,
        app: Uuid,
        nums: impl IntoIterator<Item = Num>,
    ) -> Result<HashMap<Num, Arc<auth::User>>> {
        let app_id = app.to_string();
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for num in nums {
            if num == 0 || found.contains_key(&num) {
                continue;
            }
            match self.users.get(&num) {
                Some(user) if user.app_id == app_id => {
                    found.insert(num, user);
                }
                _ => missing.push(num),
            }
        }
        found.extend(self.ask(app, missing).await?);
        Ok(found)
    }

    async fn ask(&self, app: Uuid, mut nums: Vec<Num>) -> Result<HashMap<Num, Arc<auth::User>>> {
        nums.sort_unstable();
        nums.dedup();
        let mut found = HashMap::new();
        for batch in nums.chunks(BATCH) {
            let before = self.forgotten.load(Ordering::Acquire);
            let request = auth::GetUsersRequest { nums: batch.to_vec(), ids: Vec::new() };
            let request = Context::new(Caller::service(app)).request(request);
            let users = self.auth.clone().get_users(request).await?.into_inner().users;
            for user in users {
                let user = Arc::new(user);
                if self.forgotten.load(Ordering::Acquire) == before {
                    self.users.insert(user.num, user.clone());
                }
                found.insert(user.num, user);
            }
        }
        Ok(found)
    }

    /// One user; `None` if the app does not know the num.
    pub async fn user(&self, app: Uuid, num: Num) -> Result<Option<Arc<auth::User>>> {
        Ok(self.users(app, [num]).await?.remove(&num))
    }

    /// Drops what is known of a user: the profile has changed or is gone.
    pub fn forget(&self, num: Num) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.users.invalidate(&num);
    }
}
