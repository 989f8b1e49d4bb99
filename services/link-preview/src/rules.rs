//! The rules of apps, kept in memory for a while.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parlance_core::{Micros, Result};
use uuid::Uuid;

use crate::Previews;
use crate::domain::rules::AppRules;
use crate::store::settings;

/// Apps whose rules are kept at a time.
const CAPACITY: u64 = 10_000;
/// How long they are kept, so that another process's change is seen.
const KEPT: Duration = Duration::from_secs(30);

pub struct Rules {
    kept: Cache<Uuid, Kept>,
}

#[derive(Clone)]
struct Kept {
    rules: Arc<AppRules>,
    until: Micros,
}

impl Rules {
    pub fn new() -> Self {
        Self { kept: Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build() }
    }
}

/// The rules of an app; those who ask at once ask together.
pub async fn of(previews: &Previews, app: Uuid) -> Result<Arc<AppRules>> {
    let kept = &previews.rules.kept;
    let now = previews.clock.now();
    if let Some(found) = kept.get(&app).await {
        if found.until > now {
            return Ok(found.rules);
        }
        kept.invalidate(&app).await;
    }
    let load = async {
        let rules = Arc::new(settings::find(&previews.store, app).await?.unwrap_or_default());
        Ok(Kept { rules, until: now + KEPT })
    };
    let found =
        kept.try_get_with(app, load).await.map_err(|error: Arc<parlance_core::Error>| (*error).clone())?;
    Ok(found.rules)
}

/// What this process has written itself counts at once.
pub async fn know(previews: &Previews, app: Uuid, rules: Arc<AppRules>) {
    let until = previews.clock.now() + KEPT;
    previews.rules.kept.insert(app, Kept { rules, until }).await;
}
