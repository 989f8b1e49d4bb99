use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header;
use parlance_core::ManualClock;
use parlance_notification::providers::web_push::{self, WebPush};
use parlance_notification::providers::{Common, Kind, Outcome, Provider, Push, Target, WebPushKeys, build};
use serde_json::{Value, json};

use crate::fakes::web_push::{AUTH, WebPush as Browser};
use crate::fakes::{Reply, keys, server};
use crate::support::*;

async fn start() -> (Arc<ManualClock>, Browser) {
    let clock = clock();
    let browser = Browser::start(keys::point(&keys::p256(5)), clock.clone()).await;
    (clock, browser)
}

fn settings() -> Value {
    json!({ "subject": "mailto:ops@chat.example" })
}

fn secrets(key: u8) -> Value {
    json!({ "private_key": BASE64_URL_SAFE_NO_PAD.encode(keys::p256(key).to_bytes()) })
}

fn provider(common: &Common) -> Arc<dyn Provider> {
    build(Kind::WebPush, &settings(), &secrets(5), common).unwrap()
}

fn device(browser: &Browser) -> Target {
    at(browser, &browser.endpoint())
}

fn at(browser: &Browser, endpoint: &str) -> Target {
    let keys = WebPushKeys { p256dh: browser.p256dh.clone(), auth: AUTH.to_vec() };
    Target { token: endpoint.into(), keys: Some(keys), channel: "web_push" }
}

async fn deliver(provider: &Arc<dyn Provider>, push: Push, target: Target) -> Outcome {
    send(&**provider, push, target).await
}

#[tokio::test]
async fn the_browser_decrypts_what_was_sent() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    assert_eq!(deliver(&provider, push(1), device(&browser)).await, taken());
    let seen = browser.seen().remove(0);
    assert_eq!(seen.ttl, 3600);
    assert_eq!(seen.urgency.as_deref(), Some("high"));
    assert_eq!(seen.topic.unwrap().len(), 32);
    assert_eq!(
        seen.message,
        json!({
            "title": "Ada in #general",
            "body": "Grüße an alle 👋",
            "image": "https://cdn.example/ada.png",
            "data": { "type": "message", "channelId": "c-1", "messageId": "m-1" },
            "badge": 3,
            "tag": "channel-1",
        })
    );
}

#[tokio::test]
async fn each_message_has_keys_of_its_own_and_one_channel_one_topic() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    let mut other = push(3);
    other.collapse_key = "channel-2".into();
    for push in [push(1), push(1), other] {
        assert_eq!(deliver(&provider, push, device(&browser)).await, taken());
    }
    let seen = browser.seen();
    let (salt, key) = (|at: usize| seen[at].body[..16].to_vec(), |at: usize| seen[at].body[21..86].to_vec());
    assert_ne!(salt(0), salt(1));
    assert_ne!(key(0), key(1));
    assert_eq!(seen[0].topic, seen[1].topic);
    assert_ne!(seen[0].topic, seen[2].topic);
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_push_services_take() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    let mut long = push(1);
    long.body = "🙂\n".repeat(3_000);
    assert_eq!(deliver(&provider, long, device(&browser)).await, taken());
    let seen = browser.seen().remove(0);
    assert!((4090..=4096).contains(&seen.body.len()), "{}", seen.body.len());
    assert!(seen.message["body"].as_str().unwrap().ends_with('…'));
}

#[tokio::test]
async fn who_we_are_is_signed_anew_before_it_expires() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    // Three days in steps of an hour; the receiver refuses what has expired.
    for hour in 0..72 {
        let mut push = push(hour);
        push.expires_at = push.expires_at + Duration::from_secs(100 * 3600);
        assert_eq!(deliver(&provider, push, device(&browser)).await, taken(), "hour {hour}");
        clock.advance(Duration::from_secs(3600));
    }
    let mut tokens: Vec<_> = browser.seen().into_iter().map(|seen| seen.authorization).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 12, "every six hours");
}

#[tokio::test]
async fn every_status_has_its_outcome() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    for (status, expected) in [
        (200, "taken"),
        (201, "taken"),
        (202, "taken"),
        (204, "later malformed"),
        (400, "refused payload"),
        (401, "refused credentials"),
        (403, "refused credentials"),
        (404, "dead"),
        (410, "dead"),
        (413, "refused payload"),
        (429, "later 429"),
        (507, "later 5xx"),
    ] {
        browser.script.then(Reply::new(status, ""));
        let outcome = deliver(&provider, push(1), device(&browser)).await;
        assert_eq!(short(&outcome), expected, "{status}: {outcome:?}");
    }
}

#[tokio::test]
async fn trouble_is_borne_and_nothing_is_waited_for_too_long() {
    let (clock, browser) = start().await;
    browser.script.then(Reply::new(503, "").header("retry-after", "86400"));
    let outcome = deliver(&provider(&common(&clock)), push(1), device(&browser)).await;
    assert_eq!(short(&outcome), "later 5xx 300s", "anybody may have written the endpoint");
    bears_trouble(&*provider(&common(&clock)), &browser.script, device(&browser)).await;
    sends_nothing_too_late(&*provider(&common(&clock)), device(&browser)).await;
    gives_up_in_time(&*provider(&impatient(&clock)), &browser.script, device(&browser)).await;
    let gone = at(&browser, &format!("http://{}/push/1", server::nobody().await));
    assert_eq!(short(&deliver(&provider(&common(&clock)), push(1), gone).await), "later unreachable");
}

#[tokio::test]
async fn a_subscription_that_can_be_none_is_dead_and_nothing_is_sent() {
    let (clock, browser) = start().await;
    let provider = provider(&common(&clock));
    let mut bent = device(&browser);
    bent.keys.as_mut().unwrap().p256dh[40] ^= 1;
    let mut short_secret = device(&browser);
    short_secret.keys.as_mut().unwrap().auth.pop();
    let mut without = device(&browser);
    without.keys = None;
    for wrong in [bent, short_secret, without, at(&browser, "not a URL"), at(&browser, "ftp://x/y")] {
        assert_eq!(deliver(&provider, push(1), wrong).await, Outcome::NoToken);
    }
    assert!(browser.seen().is_empty());
}

#[tokio::test]
async fn plain_http_is_for_private_networks_alone() {
    let (clock, browser) = start().await;
    let mut common = common(&clock);
    common.allow_private_networks = false;
    assert_eq!(deliver(&provider(&common), push(1), device(&browser)).await, Outcome::NoToken);
    assert!(browser.seen().is_empty());
}

#[tokio::test]
async fn an_endpoint_inside_our_own_network_is_not_reached() {
    let (clock, browser) = start().await;
    let mut common = common(&clock);
    common.allow_private_networks = false;
    let provider = provider(&common);
    for host in
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "localhost"]
    {
        let outcome = deliver(&provider, push(1), at(&browser, &format!("https://{host}/push/1"))).await;
        assert_eq!(outcome, refused("address", "not a public address"), "{host}");
    }
    for odd in ["https://user:pw@push.example/1", "https://push.example:22/1"] {
        assert_eq!(deliver(&provider, push(1), at(&browser, odd)).await, Outcome::NoToken, "{odd}");
    }
}

#[tokio::test]
async fn a_generated_pair_fits_together() {
    let (clock, _) = start().await;
    let pair = web_push::generate().unwrap();
    let secrets = json!({ "private_key": pair.private_key });
    let made = WebPush::new(&settings(), &secrets, &common(&clock)).unwrap();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(made.public_key()), pair.public_key);
    assert_eq!(made.public_key().len(), 65);
    assert!(!format!("{pair:?}").contains(&pair.private_key));
    assert_ne!(web_push::generate().unwrap().private_key, pair.private_key);
}

#[tokio::test]
async fn the_receiver_refuses_the_first_wrong_byte() {
    let (clock, browser) = start().await;
    // Another key than the page subscribed with.
    let other = build(Kind::WebPush, &settings(), &secrets(6), &common(&clock)).unwrap();
    assert_eq!(deliver(&other, push(1), device(&browser)).await, refused("credentials", "403"));
    // A browser with another key or another secret.
    let good = provider(&common(&clock));
    let mut wrong_key = device(&browser);
    wrong_key.keys.as_mut().unwrap().p256dh = keys::point(&keys::p256(8));
    assert_eq!(deliver(&good, push(1), wrong_key).await, refused("payload", "400"));
    let mut wrong_secret = device(&browser);
    wrong_secret.keys.as_mut().unwrap().auth[0] ^= 1;
    assert_eq!(deliver(&good, push(1), wrong_secret).await, refused("payload", "400"));
    assert!(browser.seen().is_empty());

    // A good message, and each single byte of it bent that may break it; a token for another origin.
    assert_eq!(deliver(&good, push(1), device(&browser)).await, taken());
    let seen = browser.seen().remove(0);
    let post = async |authorization: &str, body: Vec<u8>| {
        let request = reqwest::Client::new()
            .post(browser.endpoint())
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header("ttl", "1")
            .body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(&seen.authorization, seen.body.clone()).await, 201);
    for at in [0, 15, 20, 21, 60, 86, 87, seen.body.len() - 1] {
        let mut bent = seen.body.clone();
        bent[at] ^= 1;
        assert_eq!(post(&seen.authorization, bent).await, 400, "byte {at}");
    }
    let signature = seen.authorization.find(", k=").unwrap() - 20;
    let mut bent = seen.authorization.clone();
    let other = if &bent[signature..=signature] == "A" { "B" } else { "A" };
    bent.replace_range(signature..=signature, other);
    assert_eq!(post(&bent, seen.body.clone()).await, 403);
    let elsewhere = Browser::start(keys::point(&keys::p256(5)), clock.clone()).await;
    assert_eq!(deliver(&good, push(1), device(&elsewhere)).await, taken());
    let theirs = elsewhere.seen().remove(0).authorization;
    assert_eq!(post(&theirs, seen.body.clone()).await, 403, "another audience");
    clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(post(&seen.authorization, seen.body.clone()).await, 403, "expired");
}
