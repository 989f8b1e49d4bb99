//! Opens a link and says what it leads to.

use std::sync::Arc;
use std::time::Instant;

use parlance_core::{Error, Result};
use parlance_proto::link_preview::{ResolveRequest, ResolveResponse};
use parlance_rpc::Context;
use url::Url;

use crate::domain::link;
use crate::domain::preview::Outcome;
use crate::domain::rules::AppRules;
use crate::{Kept, Link, Previews, convert, rules};

/// INVALID_ARGUMENT if it is no link. Whoever asks for a link that is being opened waits for that; a caller
/// who leaves does not end it.
pub async fn run(
    previews: &Arc<Previews>,
    context: &Context,
    request: ResolveRequest,
) -> Result<ResolveResponse> {
    context.caller.require_service()?;
    let app = context.caller.app;
    let url = link::parse(&request.url)?;
    let rules = rules::of(previews, app).await?;

    let kept;
    let outcome = if previews.enabled && rules.admit(link::host(&url)) {
        let key = Link { app, version: rules.version, url: url.to_string() };
        kept = look_up(previews, key, url, rules).await?;
        &kept.outcome
    } else {
        &Outcome::Refused
    };
    metrics::counter!("parlance_link_preview_resolves_total", "outcome" => outcome.label()).increment(1);
    Ok(convert::resolved(request.url, outcome))
}

/// What is known of the link, opened if nothing is.
async fn look_up(previews: &Arc<Previews>, key: Link, url: Url, rules: Arc<AppRules>) -> Result<Arc<Kept>> {
    let now = previews.clock.now();
    if let Some(kept) = previews.cache.get(&key).await.filter(|kept| kept.until > now) {
        metrics::counter!("parlance_link_preview_cache_hits_total").increment(1);
        return Ok(kept);
    }
    let own = previews.clone();
    let opening = previews.tasks.spawn(async move {
        let entry =
            own.cache.entry(key).or_insert_with_if(open(&own, &url, &rules), |kept| kept.until <= now);
        entry.await
    });
    let entry = opening.await.map_err(Error::internal)?;
    if !entry.is_fresh() {
        metrics::counter!("parlance_link_preview_cache_hits_total").increment(1);
    }
    Ok(entry.into_value())
}

async fn open(previews: &Previews, url: &Url, rules: &AppRules) -> Arc<Kept> {
    let started = Instant::now();
    let kept = tokio::select! {
        () = previews.stop.cancelled() => {
            Kept { outcome: Outcome::Later { after: None }, until: previews.clock.now() }
        }
        opened = previews.opener.open(url, rules) => {
            Kept { outcome: opened.outcome, until: previews.clock.now() + opened.kept }
        }
    };
    metrics::histogram!("parlance_link_preview_seconds").record(started.elapsed().as_secs_f64());
    Arc::new(kept)
}
