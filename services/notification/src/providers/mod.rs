//! The push services, each behind its own protocol.
//!
//! `build` makes one from what an app has set up; the keys that each knows stand in the README under "Push
//! services". What is the same for all: one try per push, within the time that `Common` gives; redirects are
//! not followed; no more than 64 KiB of an answer are read; an answer that makes no sense is tried again later
//! and kills no token.

pub mod apns;
pub mod expo;
pub mod fcm;
mod fit;
mod http;
mod jwt;
pub mod novu;
mod public;
mod settings;
pub mod web_push;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Clock, Error, Micros, Result};
use serde_json::Value;
use uuid::Uuid;

/// Longer answers are not read to their end: no push service has that much to say.
const MAX_ANSWER: usize = 64 * 1024;
const USER_AGENT: &str = concat!("Parlance/", env!("CARGO_PKG_VERSION"));

/// Which push service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Fcm,
    Apns,
    Expo,
    WebPush,
    Novu,
}

impl Kind {
    pub const ALL: &'static [Kind] = &[Kind::Fcm, Kind::Apns, Kind::Expo, Kind::WebPush, Kind::Novu];

    /// The name in stores, metrics and `Target::channel`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Fcm => "fcm",
            Kind::Apns => "apns",
            Kind::Expo => "expo",
            Kind::WebPush => "web_push",
            Kind::Novu => "novu",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// What all push services of a process share.
#[derive(Clone)]
pub struct Common {
    pub clock: Arc<dyn Clock>,
    /// Keeps connections to the services that are known by their names.
    pub http: reqwest::Client,
    /// How long one `send` may take.
    pub timeout: Duration,
    /// Also http, and addresses that are not public: for development and closed installations.
    pub allow_private_networks: bool,
}

impl Common {
    pub fn new(clock: Arc<dyn Clock>, timeout: Duration, allow_private_networks: bool) -> Result<Self> {
        let http = make(|| client(timeout, allow_private_networks), None)?;
        Ok(Self { clock, http, timeout, allow_private_networks })
    }

    /// The shared client, or one that also trusts the certificates in `root_ca` (PEM).
    fn client(&self, root_ca: Option<&str>) -> Result<reqwest::Client> {
        match root_ca {
            None => Ok(self.http.clone()),
            Some(_) => make(|| client(self.timeout, self.allow_private_networks), root_ca),
        }
    }

    fn now(&self) -> Micros {
        self.clock.now()
    }
}

fn client(timeout: Duration, allow_private_networks: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve names itself.
        .no_proxy()
        .timeout(timeout)
        .connect_timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(90))
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(10));
    if allow_private_networks { builder } else { builder.dns_resolver(public::PublicNames::new()) }
}

/// A client that trusts the system's certificates, or Mozilla's list where there are none (as in the image of
/// containers), and those in `root_ca`.
fn make(client: impl Fn() -> reqwest::ClientBuilder, root_ca: Option<&str>) -> Result<reqwest::Client> {
    parlance_fetch::tls::install();
    let wrong = || Error::invalid("settings.root_ca", "must be the PEM of one certificate or more");
    let own = match root_ca {
        None => Vec::new(),
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| wrong())?,
    };
    if root_ca.is_some() && own.is_empty() {
        return Err(wrong());
    }
    if let Ok(made) = client().tls_certs_merge(own.clone()).build() {
        return Ok(made);
    }
    let built_in = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let built_in: Result<Vec<_>, _> = built_in.map(|der| reqwest::Certificate::from_der(der)).collect();
    let all = built_in.map_err(Error::internal)?.into_iter().chain(own);
    let made = client().tls_certs_only(all).build();
    made.map_err(|error| if root_ca.is_some() { wrong() } else { Error::internal(error) })
}

/// A push service from its settings and secrets: JSON objects, `null` = empty. `INVALID_ARGUMENT` names the
/// field that is wrong and shows no secret.
pub fn build(kind: Kind, settings: &Value, secrets: &Value, common: &Common) -> Result<Arc<dyn Provider>> {
    Ok(match kind {
        Kind::Fcm => Arc::new(fcm::Fcm::new(settings, secrets, common)?),
        Kind::Apns => Arc::new(apns::Apns::new(settings, secrets, common)?),
        Kind::Expo => Arc::new(expo::Expo::new(settings, secrets, common)?),
        Kind::WebPush => Arc::new(web_push::WebPush::new(settings, secrets, common)?),
        Kind::Novu => Arc::new(novu::Novu::new(settings, secrets, common)?),
    })
}

/// One notification to one device, as every push service is given it.
#[derive(Clone, PartialEq)]
pub struct Push {
    /// The same whenever this delivery is tried: what a push service drops repeats by. Novu: pushes of one
    /// `send` with the same app, user and id are one notification to all of the user's devices.
    pub id: Uuid,
    pub app: Uuid,
    /// The recipient's public user id; with the app it names him at services that keep people.
    pub user_id: String,
    pub title: String,
    pub body: String,
    /// Absolute http(s) URL, if there is one.
    pub image: Option<String>,
    /// What a client opens: `type`, `channelId`, `messageId`, …
    pub data: BTreeMap<String, String>,
    /// Notifications with the same key take each other's place on the device; at most 64 bytes.
    pub collapse_key: String,
    /// Unread messages, for the badge of the icon.
    pub badge: Option<u32>,
    /// After this it is of no use any more.
    pub expires_at: Micros,
}

/// Without the text.
impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Push").field("id", &self.id).field("app", &self.app).finish_non_exhaustive()
    }
}

/// Where it goes.
#[derive(Clone, PartialEq)]
pub struct Target {
    /// The device's token; Web Push: the endpoint.
    pub token: String,
    /// Web Push: the browser's public key (65 bytes) and secret (16 bytes).
    pub keys: Option<WebPushKeys>,
    /// The push service that the token belongs to ("fcm", "apns", "expo", "web_push"): for Novu, which hands it on.
    pub channel: &'static str,
}

/// Without the token.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq)]
pub struct WebPushKeys {
    pub p256dh: Vec<u8>,
    pub auth: Vec<u8>,
}

impl std::fmt::Debug for WebPushKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebPushKeys(***)")
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The push service has taken it. Expo tells later whether it was delivered: `receipt` asks for that.
    Taken { receipt: Option<String> },
    /// The token is not valid any more: the device is removed.
    TokenDead,
    /// The same, found out without asking: it can be no token.
    NoToken,
    /// Later it may be taken: the service is away, busy, or asks to slow down.
    Later { after: Option<Duration>, why: Why },
    /// It will never be taken as it is: wrong credentials, payload or settings.
    Refused { why: Why },
}

impl Outcome {
    fn taken() -> Self {
        Self::Taken { receipt: None }
    }

    fn later(label: &'static str, detail: impl Into<String>) -> Self {
        Self::Later { after: None, why: Why { label, detail: detail.into() } }
    }

    fn refused(label: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused { why: Why { label, detail: detail.into() } }
    }

    /// Whether the device is to be removed.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::TokenDead | Self::NoToken)
    }

    /// Whether the push service has said so and works; what was found out here tells nothing of it.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Taken { .. } | Self::TokenDead => true,
            Self::NoToken | Self::Later { .. } => false,
            Self::Refused { why } => !Why::FOUND_HERE.contains(&why.label),
        }
    }
}

/// A short reason that is safe to log, count and show to operators: no tokens, no text of messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// For metrics; one of [`Why::LABELS`].
    pub label: &'static str,
    /// For operators: status and the service's own error code.
    pub detail: String,
}

impl Why {
    /// "busy": somebody else has the same in hand; "settings": project, address, workflow or project of the
    /// tokens; "address": a Web Push endpoint that is not a public address; "channel": Novu has no use for
    /// such a device; "too_long": not even without its text does it fit.
    pub const LABELS: &'static [&'static str] = &[
        "timeout",
        "unreachable",
        "429",
        "5xx",
        "malformed",
        "busy",
        "credentials",
        "settings",
        "payload",
        "expired",
        "address",
        "channel",
        "too_long",
    ];

    /// Labels of refusals that no push service was asked for.
    const FOUND_HERE: &'static [&'static str] = &["expired", "address", "channel", "too_long"];

    /// Whether nobody answers there, or somebody who is not able to.
    pub fn is_outage(&self) -> bool {
        matches!(self.label, "timeout" | "unreachable" | "5xx")
    }
}

/// A push service as one app has set it up. Made from its settings and secrets; kept and shared, so that
/// connections and tokens are reused.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// Tries each once; one outcome for each, in order. Ends by itself within the time that it was made with.
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome>;

    /// How many go together best; `send` takes any number.
    fn batch(&self) -> usize {
        1
    }

    /// Asks what became of pushes that were taken with a receipt; `None` = not known yet.
    async fn receipts(&self, _receipts: &[String]) -> Vec<Option<Outcome>> {
        Vec::new()
    }

    /// What the service itself keeps of a user's preferences; `None` = it keeps none, or cannot be asked now.
    async fn preferences(&self, _app: Uuid, _user_id: &str) -> Option<Value> {
        None
    }

    /// Removes what the service itself keeps of a deleted user. `Taken` if nothing is left of him there.
    async fn forget(&self, _app: Uuid, _user_id: &str) -> Outcome {
        Outcome::taken()
    }
}
