//! The push services, each behind its own protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use parlance_core::Micros;
use uuid::Uuid;

/// One notification to one device, as every push service is given it.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// The same whenever this delivery is tried: what a push service drops repeats by.
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

/// Where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The device's token; Web Push: the endpoint.
    pub token: String,
    /// Web Push: the browser's public key (65 bytes) and secret (16 bytes).
    pub keys: Option<WebPushKeys>,
    /// The push service that the token belongs to ("fcm", "apns", "expo", "web_push"): for Novu, which hands it on.
    pub channel: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WebPushKeys {
    pub p256dh: Vec<u8>,
    pub auth: Vec<u8>,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The push service has taken it. Expo tells later whether it was delivered: `receipt` asks for that.
    Taken { receipt: Option<String> },
    /// The token is not valid any more: the device is removed.
    TokenDead,
    /// Later it may be taken: the service is away, busy, or asks to slow down.
    Later { after: Option<Duration>, why: Why },
    /// It will never be taken as it is: wrong credentials, payload or settings.
    Refused { why: Why },
}

/// A short reason that is safe to log, count and show to operators: no tokens, no text of messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// From a closed set, for metrics: "timeout", "unreachable", "429", "5xx", "malformed", "credentials", "payload", "expired", …
    pub label: &'static str,
    /// For operators: status and the service's own error code.
    pub detail: String,
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
}
