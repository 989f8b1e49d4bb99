use std::sync::Arc;
use std::time::Duration;

use parlance_core::ManualClock;
use parlance_notification::providers::{Common, Kind, Outcome, Provider, Push, build};
use serde_json::{Value, json};

use crate::fakes::fcm::{EMAIL, Fcm, KEY_ID, PROJECT, bad_field, error, fcm_error};
use crate::fakes::{Reply, keys, server};
use crate::support::*;

const TOKEN: &str = "fcm-registration-token";

async fn start() -> (Arc<ManualClock>, Fcm) {
    let clock = clock();
    let fcm = Fcm::start(clock.clone()).await;
    (clock, fcm)
}

fn account(fcm: &Fcm) -> Value {
    json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": KEY_ID,
        "private_key": keys::rsa_pem(),
        "client_email": EMAIL,
        "token_uri": fcm.token_uri(),
    })
}

fn provider(fcm: &Fcm, common: &Common) -> Arc<dyn Provider> {
    build(Kind::Fcm, &json!({ "base_url": fcm.server.url() }), &account(fcm), common).unwrap()
}

async fn deliver(provider: &Arc<dyn Provider>, push: Push) -> Outcome {
    send(&**provider, push, target("fcm", TOKEN)).await
}

#[tokio::test]
async fn a_message_arrives_with_what_each_platform_needs() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    let expires = push(1).expires_at.secs().to_string();
    let topic = fcm.seen()[0]["webpush"]["headers"]["Topic"].clone();
    assert_eq!(topic.as_str().unwrap().len(), 32);
    assert_eq!(
        fcm.seen(),
        [json!({
            "token": TOKEN,
            "notification": {
                "title": "Ada in #general", "body": "Grüße an alle 👋", "image": "https://cdn.example/ada.png",
            },
            "data": { "type": "message", "channelId": "c-1", "messageId": "m-1" },
            "android": {
                "priority": "HIGH",
                "ttl": "3600s",
                "collapse_key": "channel-1",
                "notification": { "tag": "channel-1", "notification_count": 3 },
            },
            "apns": {
                "headers": {
                    "apns-push-type": "alert",
                    "apns-priority": "10",
                    "apns-expiration": expires,
                    "apns-collapse-id": "channel-1",
                },
                "payload": { "aps": { "sound": "default", "badge": 3, "thread-id": "channel-1" } },
            },
            "webpush": {
                "headers": { "TTL": "3600", "Urgency": "high", "Topic": topic },
                "notification": { "tag": "channel-1" },
            },
        })]
    );
}

#[tokio::test]
async fn one_oauth_token_serves_many_until_shortly_before_its_end() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    let pushes: Vec<_> = (0..80).map(|number| (push(number), target("fcm", TOKEN))).collect();
    for outcome in provider.send(&pushes).await {
        assert_eq!(outcome, taken());
    }
    assert_eq!(fcm.issued(), 1, "all who needed one waited for the first");
    clock.advance(Duration::from_secs(50 * 60));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    assert_eq!(fcm.issued(), 1);
    clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    assert_eq!(fcm.issued(), 2, "five minutes before its end");
}

#[tokio::test]
async fn a_token_that_google_takes_back_is_replaced_once() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    assert_eq!(deliver(&provider, push(1)).await, taken());
    fcm.revoke();
    let pushes: Vec<_> = (0..10).map(|number| (push(number), target("fcm", TOKEN))).collect();
    for outcome in provider.send(&pushes).await {
        assert_eq!(outcome, taken());
    }
    assert_eq!(fcm.issued(), 2, "one new token for all");
    fcm.send.then(error(401, "UNAUTHENTICATED", json!([]))).then(error(401, "UNAUTHENTICATED", json!([])));
    assert_eq!(deliver(&provider, push(1)).await, refused("credentials", "401 UNAUTHENTICATED"));
}

#[tokio::test]
async fn every_error_of_fcm_has_its_outcome() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    for (reply, expected) in [
        (fcm_error(404, "NOT_FOUND", "UNREGISTERED"), "dead"),
        (bad_field("message.token"), "dead"),
        (bad_field("message.data[0].value"), "refused payload"),
        (error(404, "NOT_FOUND", json!([])), "refused settings"),
        (Reply::new(404, "<html>nothing here</html>"), "refused settings"),
        (fcm_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), "refused credentials"),
        (fcm_error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), "refused credentials"),
        (error(403, "PERMISSION_DENIED", json!([])), "refused credentials"),
        (fcm_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "later 429 60s"),
        (fcm_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED").header("retry-after", "5"), "later 429 5s"),
        (fcm_error(503, "UNAVAILABLE", "UNAVAILABLE").header("retry-after", "9"), "later 5xx 9s"),
        (fcm_error(500, "INTERNAL", "INTERNAL"), "later 5xx"),
        (Reply::json(200, json!({ "ok": true })), "later malformed"),
        (Reply::new(200, "<html>"), "later malformed"),
        (Reply::json(400, json!({ "error": "no object" })), "refused payload"),
    ] {
        fcm.send.then(reply);
        let outcome = deliver(&provider, push(1)).await;
        assert_eq!(short(&outcome), expected, "{outcome:?}");
    }
    assert_eq!(fcm.issued(), 1, "none of these is about the OAuth token");
}

#[tokio::test]
async fn a_strange_token_is_told_from_a_message_that_fcm_does_not_like() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    fcm.does_not_know("garbage");
    assert_eq!(short(&send(&*provider, push(1), target("fcm", "garbage")).await), "dead");
    assert_eq!(fcm.probes(), ["garbage"]);
    // The same words about a good token.
    fcm.send.then(fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"));
    assert_eq!(short(&deliver(&provider, push(1)).await), "refused payload");
    assert_eq!(fcm.probes(), ["garbage", TOKEN]);
    // Not to be found out now.
    fcm.send.then(fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")).then(Reply::new(503, ""));
    let outcome = deliver(&provider, push(1)).await;
    assert_eq!(short(&outcome), "later 5xx", "{outcome:?} {:?} {}", fcm.probes(), fcm.seen().len());
}

#[tokio::test]
async fn data_under_names_of_fcm_is_left_out_and_a_long_text_cut() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    let mut odd = push(1);
    odd.body = "é\"".repeat(4_000);
    for key in ["from", "message_type", "google.x", "gcm.y", ""] {
        odd.data.insert(key.into(), "x".into());
    }
    assert_eq!(deliver(&provider, odd).await, taken());
    let seen = fcm.seen().remove(0);
    assert_eq!(seen["data"], json!({ "type": "message", "channelId": "c-1", "messageId": "m-1" }));
    assert!(seen["notification"]["body"].as_str().unwrap().ends_with('…'));
    assert!((4000..=4096).contains(&json!({ "message": seen }).to_string().len()));
}

#[tokio::test]
async fn trouble_is_borne_and_nothing_is_waited_for_too_long() {
    let (clock, fcm) = start().await;
    bears_trouble(&*provider(&fcm, &common(&clock)), &fcm.send, target("fcm", TOKEN)).await;
    sends_nothing_too_late(&*provider(&fcm, &common(&clock)), target("fcm", TOKEN)).await;
    gives_up_in_time(&*provider(&fcm, &impatient(&clock)), &fcm.send, target("fcm", TOKEN)).await;
}

#[tokio::test]
async fn trouble_of_the_token_endpoint_is_told_as_what_it_is() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    for (reply, expected) in [
        (
            Reply::json(400, json!({ "error": "invalid_grant", "error_description": "quotes" })),
            "refused credentials",
        ),
        (Reply::json(401, json!({ "error": "invalid_client" })), "refused credentials"),
        (Reply::new(429, "").header("retry-after", "11"), "later 429 11s"),
        (Reply::new(503, ""), "later 5xx"),
        (Reply::new(200, "<html>"), "later malformed"),
        (Reply::json(200, json!({ "access_token": "" , "expires_in": 1 })), "later malformed"),
        (Reply::json(200, json!({ "access_token": "line\nbreak", "expires_in": 1 })), "later malformed"),
    ] {
        fcm.tokens.then(reply);
        let outcome = deliver(&provider, push(1)).await;
        assert_eq!(short(&outcome), expected, "{outcome:?}");
    }
    assert!(fcm.seen().is_empty());
    assert_eq!(deliver(&provider, push(1)).await, taken(), "a failure is not kept");
}

#[tokio::test]
async fn who_waited_for_a_token_that_did_not_come_does_not_ask_again() {
    let (clock, fcm) = start().await;
    let provider = provider(&fcm, &common(&clock));
    // The next one would be given out.
    fcm.tokens.then(Reply::new(503, ""));
    let pushes: Vec<_> = (0..20).map(|number| (push(number), target("fcm", TOKEN))).collect();
    for outcome in provider.send(&pushes).await {
        assert_eq!(short(&outcome), "later 5xx");
    }
    assert_eq!(fcm.issued(), 0);
}

#[tokio::test]
async fn a_google_that_is_down_is_tried_later() {
    let (clock, fcm) = start().await;
    let nobody = format!("http://{}", server::nobody().await);
    let gone = build(Kind::Fcm, &json!({ "base_url": nobody }), &account(&fcm), &common(&clock)).unwrap();
    assert_eq!(short(&deliver(&gone, push(1)).await), "later unreachable");
    let settings = json!({ "base_url": fcm.server.url(), "token_uri": format!("{nobody}/token") });
    let gone = build(Kind::Fcm, &settings, &account(&fcm), &common(&clock)).unwrap();
    assert_eq!(short(&deliver(&gone, push(1)).await), "later unreachable");
}

#[tokio::test]
async fn the_receiver_refuses_the_first_wrong_byte() {
    let (clock, fcm) = start().await;
    let common = common(&clock);
    // Who, and by which key.
    for (key, value) in [("client_email", "somebody@else"), ("private_key_id", "key-2")] {
        let mut account = account(&fcm);
        account[key] = json!(value);
        let provider = build(Kind::Fcm, &json!({ "base_url": fcm.server.url() }), &account, &common).unwrap();
        assert_eq!(deliver(&provider, push(1)).await, refused("credentials", "400 invalid_grant"), "{key}");
    }
    // A clock of ours that is two hours behind.
    clock.advance(Duration::from_secs(7_200));
    let slow = Arc::new(ManualClock::at(START));
    let outcome = deliver(&provider(&fcm, &crate::support::common(&slow)), push(1)).await;
    assert_eq!(outcome, refused("credentials", "400 invalid_grant"));

    // Of the signature and the audience, on the wire.
    let good = {
        let now = parlance_core::Clock::now(&*clock).secs();
        json!({ "iss": EMAIL, "aud": fcm.token_uri(), "iat": now, "exp": now + 3600,
                "scope": "https://www.googleapis.com/auth/firebase.messaging" })
    };
    assert_eq!(ask(&fcm, &good, false).await, 200);
    assert_eq!(ask(&fcm, &good, true).await, 400, "one bit of the signature");
    for (claim, value) in
        [("aud", json!("https://elsewhere/token")), ("scope", json!("x")), ("iss", json!("x"))]
    {
        let mut wrong = good.clone();
        wrong[claim] = value;
        assert_eq!(ask(&fcm, &wrong, false).await, 400, "{claim}");
    }
}

/// Asks for a token with an assertion made here.
async fn ask(fcm: &Fcm, claims: &Value, bend: bool) -> u16 {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(keys::rsa_pem().as_bytes()).unwrap();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.kid = Some(KEY_ID.into());
    let mut assertion = jsonwebtoken::encode(&header, claims, &key).unwrap();
    if bend {
        let last = assertion.len() - 10;
        let other = if &assertion[last..=last] == "A" { "B" } else { "A" };
        assertion.replace_range(last..=last, other);
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &assertion)
        .finish();
    let request = reqwest::Client::new()
        .post(fcm.token_uri())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    request.send().await.unwrap().status().as_u16()
}
