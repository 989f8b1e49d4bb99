use std::sync::Arc;
use std::time::Duration;

use parlance_core::ManualClock;
use parlance_notification::providers::{Common, Kind, Outcome, Provider, Push, build};
use serde_json::{Value, json};

use crate::fakes::apns::{Apns, KEY_ID, TEAM, TOPIC};
use crate::fakes::{Reply, keys, server};
use crate::support::*;

const DEVICE: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

async fn start() -> (Arc<ManualClock>, Apns) {
    let clock = clock();
    let apns = Apns::start(keys::point(&keys::p256(1)), clock.clone()).await;
    (clock, apns)
}

fn settings(apns: &Apns) -> Value {
    json!({
        "team_id": TEAM,
        "key_id": KEY_ID,
        "topic": TOPIC,
        "base_url": format!("https://localhost:{}", apns.server.address.port()),
        "root_ca": apns.root_ca,
    })
}

fn provider(apns: &Apns, common: &Common) -> Arc<dyn Provider> {
    with(settings(apns), 1, common)
}

fn with(settings: Value, key: u8, common: &Common) -> Arc<dyn Provider> {
    build(Kind::Apns, &settings, &json!({ "private_key": keys::p256_pem(key) }), common).unwrap()
}

async fn deliver(provider: &Arc<dyn Provider>, push: Push) -> Outcome {
    send(&**provider, push, target("apns", DEVICE)).await
}

fn reason(status: u16, reason: &str) -> Reply {
    Reply::json(status, json!({ "reason": reason }))
}

#[tokio::test]
async fn a_notification_arrives_with_its_headers_and_data() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    let seen = apns.seen().remove(0);
    assert_eq!(seen.device, DEVICE);
    assert_eq!(seen.id, push(1).id.to_string());
    assert_eq!(seen.collapse_id.as_deref(), Some("channel-1"));
    assert_eq!(seen.expiration, push(1).expires_at.secs());
    assert_eq!(
        seen.payload,
        json!({
            "aps": {
                "alert": { "title": "Ada in #general", "body": "Grüße an alle 👋" },
                "badge": 3,
                "sound": "default",
                "thread-id": "channel-1",
                "mutable-content": 1,
            },
            "image": "https://cdn.example/ada.png",
            "type": "message",
            "channelId": "c-1",
            "messageId": "m-1",
        })
    );
}

#[tokio::test]
async fn many_share_a_connection_and_a_token_and_keep_their_order() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    let bad = "0".repeat(63);
    assert_eq!(deliver(&provider, push(100)).await, taken());
    let pushes: Vec<_> = (0..100)
        .map(|number| (push(number), target("apns", if number % 10 == 7 { &bad } else { DEVICE })))
        .collect();
    let outcomes = provider.send(&pushes).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(short(outcome), if number % 10 == 7 { "dead" } else { "taken" }, "{number}");
    }
    let mut tokens: Vec<_> = apns.seen().into_iter().map(|seen| seen.provider_token).collect();
    assert_eq!(tokens.len(), 91);
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_apns_takes_and_a_long_key_to_its_digest() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    let mut long = push(1);
    long.body = "äöü\n\"🙂\" ".repeat(2_000);
    long.collapse_key = "k".repeat(65);
    assert_eq!(deliver(&provider, long.clone()).await, taken());
    let seen = apns.seen().remove(0);
    let body = seen.payload["aps"]["alert"]["body"].as_str().unwrap();
    assert!(long.body.starts_with(body.strip_suffix('…').unwrap()));
    assert!(seen.payload.to_string().len() > 4080, "as long as it may be");
    assert_eq!(seen.collapse_id.unwrap().len(), 43);
}

#[tokio::test]
async fn every_reason_of_apple_has_its_outcome() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    for (status, said, expected) in [
        (400, "BadDeviceToken", "dead"),
        (400, "DeviceTokenNotForTopic", "refused settings"),
        (410, "Unregistered", "dead"),
        (410, "ExpiredToken", "dead"),
        (400, "BadTopic", "refused settings"),
        (400, "TopicDisallowed", "refused settings"),
        (400, "BadCollapseId", "refused payload"),
        (400, "IdleTimeout", "later timeout"),
        (403, "InvalidProviderToken", "refused credentials"),
        (403, "MissingProviderToken", "refused credentials"),
        (403, "Forbidden", "refused credentials"),
        (404, "BadPath", "refused settings"),
        (405, "MethodNotAllowed", "refused settings"),
        (413, "PayloadTooLarge", "refused payload"),
        (429, "TooManyRequests", "later 429"),
        (429, "TooManyProviderTokenUpdates", "later 429"),
        (500, "InternalServerError", "later 5xx"),
        (503, "ServiceUnavailable", "later 5xx"),
        (503, "Shutdown", "later 5xx"),
        (410, "a sentence that quotes", "refused malformed"),
    ] {
        apns.script.then(reason(status, said));
        let outcome = deliver(&provider, push(1)).await;
        assert_eq!(short(&outcome), expected, "{status} {said}: {outcome:?}");
    }
    apns.script.then(reason(503, "ServiceUnavailable").header("retry-after", "42"));
    assert_eq!(short(&deliver(&provider, push(1)).await), "later 5xx 42s");
}

#[tokio::test]
async fn a_token_is_bad_only_where_another_was_good() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    for (status, said, expected) in [
        (400, "BadDeviceToken", "refused settings"),
        (410, "Unregistered", "dead"),
        (400, "BadDeviceToken", "refused settings"),
        (200, "", "taken"),
        (400, "BadDeviceToken", "dead"),
    ] {
        apns.script.then(reason(status, said));
        assert_eq!(short(&deliver(&provider, push(1)).await), expected, "{said}");
    }
}

#[tokio::test]
async fn trouble_is_borne_and_nothing_is_waited_for_too_long() {
    let (clock, apns) = start().await;
    bears_trouble(&*provider(&apns, &common(&clock)), &apns.script, target("apns", DEVICE)).await;
    sends_nothing_too_late(&*provider(&apns, &common(&clock)), target("apns", DEVICE)).await;
    gives_up_in_time(&*provider(&apns, &impatient(&clock)), &apns.script, target("apns", DEVICE)).await;
}

#[tokio::test]
async fn an_apple_that_is_down_is_tried_later() {
    let (clock, apns) = start().await;
    let mut settings = settings(&apns);
    settings["base_url"] = json!(format!("https://{}", server::nobody().await));
    assert_eq!(short(&deliver(&with(settings, 1, &common(&clock)), push(1)).await), "later unreachable");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_talked_to() {
    let (clock, apns) = start().await;
    let stranger = Apns::start(keys::point(&keys::p256(1)), clock.clone()).await;
    let mut settings = settings(&apns);
    settings["root_ca"] = json!(stranger.root_ca);
    assert_eq!(short(&deliver(&with(settings, 1, &common(&clock)), push(1)).await), "later unreachable");
    assert!(apns.seen().is_empty());
}

#[tokio::test]
async fn the_provider_token_is_renewed_before_apple_finds_it_too_old_and_not_more_often() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    // Three hours in steps of ten minutes.
    for step in 0..18 {
        let mut push = push(step);
        push.expires_at = push.expires_at + Duration::from_secs(24 * 3600);
        assert_eq!(deliver(&provider, push).await, taken(), "step {step}");
        clock.advance(Duration::from_secs(600));
    }
    let mut tokens: Vec<_> = apns.seen().into_iter().map(|seen| seen.provider_token).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 5, "every 40 minutes");
}

#[tokio::test]
async fn a_token_that_apple_calls_expired_is_replaced_once() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    clock.advance(Duration::from_secs(60));
    apns.script.then(reason(403, "ExpiredProviderToken"));
    assert_eq!(deliver(&provider, push(2)).await, taken());
    let tokens: Vec<_> = apns.seen().into_iter().map(|seen| seen.provider_token).collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2], "the third try has a new one");
    apns.script.then(reason(403, "ExpiredProviderToken")).then(reason(403, "ExpiredProviderToken"));
    assert_eq!(short(&deliver(&provider, push(3)).await), "refused credentials");
    assert_eq!(apns.seen().len(), 5, "no third try");
}

#[tokio::test]
async fn a_token_that_is_no_hexadecimal_goes_nowhere() {
    let (clock, apns) = start().await;
    let provider = provider(&apns, &common(&clock));
    for token in ["", "../../admin", "00fc/../..", "zz", &"0".repeat(401)] {
        assert_eq!(short(&send(&*provider, push(1), target("apns", token)).await), "no token", "{token}");
    }
    assert!(apns.seen().is_empty());
}

#[tokio::test]
async fn the_receiver_refuses_the_first_wrong_byte() {
    let (clock, apns) = start().await;
    let common = common(&clock);
    // Another key, team, key id, topic.
    let outcome = deliver(&with(settings(&apns), 2, &common), push(1)).await;
    assert_eq!(outcome, refused("credentials", "403 InvalidProviderToken"));
    for (key, detail) in [
        ("team_id", "403 InvalidProviderToken"),
        ("key_id", "403 InvalidProviderToken"),
        ("topic", "400 TopicDisallowed"),
    ] {
        let mut settings = settings(&apns);
        settings[key] = json!("other");
        let outcome = deliver(&with(settings, 1, &common), push(1)).await;
        let label = if key == "topic" { "settings" } else { "credentials" };
        assert_eq!(outcome, refused(label, detail), "{key}");
    }
    // A clock that is an hour off.
    clock.advance(Duration::from_secs(4_000));
    let slow = Arc::new(ManualClock::at(START));
    let outcome = deliver(&provider(&apns, &crate::support::common(&slow)), push(1)).await;
    assert_eq!(outcome, refused("credentials", "403 ExpiredProviderToken"));
    assert!(apns.seen().is_empty());
}
