//! Opens a link and reads what it finds.

use std::time::Duration;

use parlance_fetch::{Failure, Fetched, Fetcher, Get, Overflow};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::config::Settings;
use crate::crowd::Crowd;
use crate::domain::oembed::Oembed;
use crate::domain::page::Page;
use crate::domain::preview::{Outcome, Preview};
use crate::domain::rules::AppRules;
use crate::domain::video::{Site, Video};
use crate::domain::{charset, link};

/// How long a link waits for a place among those that are opened.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is believed that there is nothing, or that a link may not be opened.
const NOTHING_KEPT: Duration = Duration::from_secs(600);
/// How long a site is left alone that could not answer, unless it said.
const LATER_KEPT: Duration = Duration::from_secs(10);
/// The longest that it is left alone, whatever it said: the caller keeps the rest.
const LATER_KEPT_MOST: Duration = Duration::from_secs(60);

const PAGES: &[&str] = &["text/html", "application/xhtml+xml"];
const JSON: &[&str] = &["application/json", "application/json+oembed", "text/json", "text/javascript"];

pub struct Opener {
    fetcher: Fetcher,
    crowd: Crowd,
    settings: Settings,
}

/// What opening came to, and for how long that is to be believed.
pub struct Opened {
    pub outcome: Outcome,
    pub kept: Duration,
}

impl Opener {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let fetcher = Fetcher::new(parlance_fetch::Settings {
            user_agent: user_agent(),
            allow_private_networks: settings.allow_private_networks,
            timeout: settings.timeout(),
            max_bytes: settings.max_bytes,
            max_redirects: settings.max_redirects,
            // The next link leads elsewhere.
            idle_per_host: 0,
        })?;
        let crowd = Crowd::new(settings.max_in_flight, settings.max_in_flight_per_host);
        Ok(Self { fetcher, crowd, settings })
    }

    /// Opens a link that the app's rules admit; they are asked again wherever it leads.
    pub async fn open(&self, url: &Url, rules: &AppRules) -> Opened {
        let Some(_place) = self.crowd.enter(link::host(url), PATIENCE).await else {
            let outcome = Outcome::Later { after: Some(Duration::from_secs(1)) };
            return Opened { outcome, kept: Duration::ZERO };
        };
        if let Some(video) = Video::of(url) {
            return self.video(video).await;
        }
        let deadline = Instant::now() + self.settings.timeout();
        let admit = |url: &Url| rules.admit(link::host(url));
        let page = Get {
            accept: "text/html,application/xhtml+xml;q=0.9",
            types: PAGES,
            overflow: Overflow::Cut,
            may_open: &admit,
        };
        match self.fetcher.get(url, &page).await {
            Ok(fetched) => match Video::of(&fetched.url) {
                // A short link, for instance.
                Some(video) => self.video(video).await,
                None => self.opened(self.page(fetched, &admit, deadline).await),
            },
            Err(failure) => self.opened(outcome_of(failure)),
        }
    }

    fn opened(&self, outcome: Outcome) -> Opened {
        let kept = match &outcome {
            Outcome::Found(_) => self.settings.cache(),
            Outcome::Nothing | Outcome::Refused => NOTHING_KEPT,
            Outcome::Later { after } => after.unwrap_or(LATER_KEPT).min(LATER_KEPT_MOST),
        };
        Opened { outcome, kept: kept.min(self.settings.cache()) }
    }

    /// A page, and what its site says of it if the page itself says too little.
    async fn page(
        &self,
        fetched: Fetched,
        admit: &(dyn Fn(&Url) -> bool + Send + Sync),
        deadline: Instant,
    ) -> Outcome {
        let url = fetched.url.clone();
        // Up to a megabyte of foreign text.
        let reading = tokio::task::spawn_blocking(move || {
            let html = charset::decode(&fetched.body, fetched.content_type.charset.as_deref());
            Page::read(&html, &fetched.url)
        });
        let Ok(page) = reading.await else {
            tracing::error!("reading a page failed");
            return Outcome::Nothing;
        };
        let said = match &page.oembed {
            Some(oembed) if page.lacks_words_or_picture(&url) => {
                timeout_at(deadline, self.oembed(oembed, admit)).await.ok().and_then(Result::ok).flatten()
            }
            _ => None,
        };
        match page.preview(&url, said) {
            Some(preview) => Outcome::Found(self.presentable(preview)),
            None => Outcome::Nothing,
        }
    }

    /// A video of a known site, with its title if the site gives it.
    async fn video(&self, video: Video) -> Opened {
        let base = match video.site {
            Site::YouTube => &self.settings.youtube_oembed_url,
            Site::Vimeo => &self.settings.vimeo_oembed_url,
        };
        let said = match Url::parse_with_params(base, [("format", "json"), ("url", video.page().as_str())]) {
            // The operator's own address: no app's rules are asked.
            Ok(url) => self.oembed(&url, &|_| true).await,
            Err(_) => Ok(None),
        };
        let missed = matches!(said, Err(Failure::Later { .. }));
        let preview = video.preview(said.ok().flatten());
        let opened = self.opened(Outcome::Found(self.presentable(preview)));
        // Its title may be had soon.
        if missed { Opened { kept: opened.kept.min(LATER_KEPT_MOST), ..opened } } else { opened }
    }

    async fn oembed(
        &self,
        url: &Url,
        may_open: &(dyn Fn(&Url) -> bool + Send + Sync),
    ) -> Result<Option<Oembed>, Failure> {
        let get = Get { accept: "application/json", types: JSON, overflow: Overflow::Fail, may_open };
        let fetched = self.fetcher.get(url, &get).await?;
        Ok(Oembed::parse(&fetched.url, &fetched.body))
    }

    /// Without pictures that would send those who see them to internal addresses.
    fn presentable(&self, mut preview: Preview) -> Preview {
        for address in [&mut preview.image, &mut preview.icon] {
            if !Url::parse(address).is_ok_and(|url| self.fetcher.check(&url).is_ok()) {
                address.clear();
            }
        }
        preview
    }
}

/// In the form by which sites know programs.
fn user_agent() -> String {
    format!("Mozilla/5.0 (compatible; ParlanceBot/{}; link previews)", env!("CARGO_PKG_VERSION"))
}

fn outcome_of(failure: Failure) -> Outcome {
    match failure {
        Failure::Refused(_) => Outcome::Refused,
        Failure::Later { after, .. } => Outcome::Later { after },
        Failure::Rejected { .. } | Failure::TooLarge | Failure::WrongType | Failure::Redirects => {
            Outcome::Nothing
        }
    }
}
