use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parlance_core::{Caller, Clock, Micros};
use parlance_proto::link_preview::resolve_response::Outcome;
use parlance_proto::link_preview::{LinkPreview, ResolveRequest};
use parlance_rpc::{Context, LinkPreviewClient};
use prost::Message as _;

use crate::domain::links::links;
use crate::store::previews::{Job, Previews};

/// Tries of a link that could not be opened.
const TRIES: i16 = 6;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long after a text was written its previews are looked for while the service that finds them is away.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// What became of a job.
pub struct Resolved {
    pub job: Job,
    /// What is known now, in the order of the text.
    pub previews: Vec<LinkPreview>,
    /// When the rest is to be tried; `None` = there is none.
    pub due: Option<Micros>,
    pub tries: i16,
}

enum Found {
    Preview(Box<LinkPreview>),
    Nothing,
    /// The site is away, and may have said for how long.
    Later(Duration),
    /// The service is away.
    Away,
}

/// Looks up the links of a message that are not known yet.
pub async fn resolve(job: Job, client: LinkPreviewClient, clock: Arc<dyn Clock>) -> Resolved {
    let links = links(&job.body);
    let known = job.previews.as_deref().and_then(|bytes| Previews::decode(bytes).ok()).unwrap_or_default();
    let context = Context::new(Caller::service(job.app));
    let found = join_all(links.iter().map(|link| {
        let known = known.items.iter().find(|preview| preview.url == *link).cloned();
        let (client, context) = (client.clone(), &context);
        async move {
            match known {
                Some(preview) => Found::Preview(Box::new(preview)),
                None => ask(client, context, link).await,
            }
        }
    }))
    .await;

    let mut previews = Vec::new();
    let (mut asked, mut later, mut away) = (Duration::ZERO, false, false);
    for found in found {
        match found {
            Found::Preview(preview) => previews.push(*preview),
            Found::Nothing => {}
            Found::Later(pause) => (later, asked) = (true, asked.max(pause)),
            Found::Away => away = true,
        }
    }
    let tries = job.preview_tries.unwrap_or(0) + i16::from(later);
    let now = clock.now();
    let written_at = Micros(job.edited_at.unwrap_or(job.created_at));
    let goes_on = (later && tries < TRIES) || (away && now.since(written_at) < AGE);
    let pause = FIRST_PAUSE.saturating_mul(1 << tries.clamp(0, 10)).max(asked).min(LONGEST_PAUSE);
    Resolved { due: goes_on.then(|| now + pause), previews, tries, job }
}

async fn ask(mut client: LinkPreviewClient, context: &Context, link: &str) -> Found {
    let request = context.request(ResolveRequest { url: link.to_owned() });
    let answer = match client.resolve(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let error = parlance_core::Error::from(status);
            tracing::debug!(reason = %error.reason, "a link was not looked up");
            return match error.reason.code() {
                parlance_core::Code::InvalidArgument => Found::Nothing,
                _ => Found::Away,
            };
        }
    };
    match (answer.outcome(), answer.preview) {
        (Outcome::Found, Some(preview)) => {
            Found::Preview(Box::new(LinkPreview { url: link.to_owned(), ..preview }))
        }
        (Outcome::Later, _) => Found::Later(Duration::from_secs(u64::from(answer.retry_after_s))),
        _ => Found::Nothing,
    }
}
