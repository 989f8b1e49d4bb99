//! What the tests of all push services share.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::{ManualClock, Micros};
use parlance_notification::providers::{Common, Outcome, Provider, Push, Target, Why};
use uuid::Uuid;

use crate::fakes::{Reply, Script};

/// 2026-01-01T00:00:00Z.
pub const START: Micros = Micros::from_secs(1_767_225_600);
/// So long does a test wait for what it wants to see.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long where nothing comes.
const IMPATIENCE: Duration = Duration::from_millis(300);

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(START))
}

pub fn common(clock: &Arc<ManualClock>) -> Common {
    Common::new(clock.clone(), PATIENCE, true).unwrap()
}

pub fn impatient(clock: &Arc<ManualClock>) -> Common {
    Common::new(clock.clone(), IMPATIENCE, true).unwrap()
}

/// A push that is of use for an hour; `number` tells pushes apart.
pub fn push(number: u128) -> Push {
    Push {
        id: Uuid::from_u128(0xaaaa_0000 + number),
        app: Uuid::from_u128(1),
        user_id: "ada".into(),
        title: "Ada in #general".into(),
        body: "Grüße an alle 👋".into(),
        image: Some("https://cdn.example/ada.png".into()),
        data: [("type", "message"), ("channelId", "c-1"), ("messageId", "m-1")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        collapse_key: "channel-1".into(),
        badge: Some(3),
        expires_at: START + Duration::from_secs(3600),
    }
}

pub fn target(channel: &'static str, token: &str) -> Target {
    Target { token: token.into(), keys: None, channel }
}

pub async fn send(provider: &dyn Provider, push: Push, target: Target) -> Outcome {
    let mut outcomes = provider.send(&[(push, target)]).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

pub fn taken() -> Outcome {
    Outcome::Taken { receipt: None }
}

/// "later 429 7s", "refused credentials", …; the detail must be fit for logs.
pub fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Taken { .. } => "taken".into(),
        Outcome::TokenDead => "dead".into(),
        Outcome::NoToken => "no token".into(),
        Outcome::Later { after: None, why } => format!("later {}", checked(why)),
        Outcome::Later { after: Some(after), why } => format!("later {} {}s", checked(why), after.as_secs()),
        Outcome::Refused { why } => format!("refused {}", checked(why)),
    }
}

fn checked(why: &Why) -> &'static str {
    assert!(Why::LABELS.contains(&why.label), "{why:?}");
    assert!(!why.detail.contains("quotes") && why.detail.len() < 60, "{why:?}");
    why.label
}

/// What every push service has to bear: busy, broken, talking nonsense, sending elsewhere, endless.
pub async fn bears_trouble(provider: &dyn Provider, script: &Script, target: Target) {
    let busy = || Reply::json(429, serde_json::json!({})).header("retry-after", "7");
    let dated = Reply::new(503, "<html>")
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("retry-after", "Thu, 01 Jan 2026 00:01:30 GMT");
    let elsewhere = Reply::new(307, "").header("location", "https://elsewhere.example/");
    for (reply, expected) in [
        (busy(), "later 429 7s"),
        (dated, "later 5xx 90s"),
        (Reply::new(500, "quotes the message"), "later 5xx"),
        (Reply::new(502, vec![0xff; 100]), "later 5xx"),
        (elsewhere, "refused settings"),
        (Reply::new(400, "quotes the message"), "refused payload"),
        (Reply::new(403, "quotes the key").header("retry-after", "x"), "refused credentials"),
        // Who needs no body does not read it.
        (Reply::new(500, vec![b'x'; 1024 * 1024]), "later malformed or later 5xx"),
        (Reply::new(418, "[[["), "refused malformed"),
    ] {
        script.then(reply);
        let outcome = send(provider, push(1), target.clone()).await;
        assert!(expected.split(" or ").any(|one| short(&outcome) == one), "{expected}: {outcome:?}");
    }
    let outcome = send(provider, push(1), target).await;
    assert_eq!(short(&outcome), "taken", "all is well again: {outcome:?}");
}

/// A provider that was given little time: nothing comes.
pub async fn gives_up_in_time(provider: &dyn Provider, script: &Script, target: Target) {
    for _ in 0..4 {
        script.then(Reply::hangs());
    }
    let before = std::time::Instant::now();
    let pushes = [(push(1), target.clone()), (push(2), target)];
    let outcomes = provider.send(&pushes).await;
    for outcome in outcomes {
        assert_eq!(short(&outcome), "later timeout");
    }
    assert!(before.elapsed() >= IMPATIENCE, "it did wait");
    assert!(before.elapsed() < PATIENCE, "it ended by itself");
}

/// A push that is of no use any more.
pub async fn sends_nothing_too_late(provider: &dyn Provider, target: Target) {
    let mut late = push(1);
    late.expires_at = START;
    assert_eq!(short(&send(provider, late, target).await), "refused expired");
}

pub fn refused(label: &'static str, detail: &str) -> Outcome {
    Outcome::Refused { why: Why { label, detail: detail.into() } }
}
