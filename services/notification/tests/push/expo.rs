use std::sync::Arc;

use parlance_core::ManualClock;
use parlance_notification::providers::{Common, Kind, Outcome, Provider, Push, Target, build};
use serde_json::{Value, json};

use crate::fakes::expo::{ACCESS_TOKEN, Expo, request_error, ticket_of};
use crate::fakes::{Reply, server};
use crate::support::*;

async fn start() -> (Arc<ManualClock>, Expo) {
    (clock(), Expo::start().await)
}

fn provider(expo: &Expo, common: &Common) -> Arc<dyn Provider> {
    at(&expo.server.url(), ACCESS_TOKEN, common)
}

fn at(url: &str, access_token: &str, common: &Common) -> Arc<dyn Provider> {
    let settings = json!({ "base_url": url, "android_channel_id": "chat" });
    build(Kind::Expo, &settings, &json!({ "access_token": access_token }), common).unwrap()
}

fn token(number: usize) -> String {
    format!("ExponentPushToken[device-{number}]")
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<(Push, Target)> {
    numbers.into_iter().map(|number| (push(number as u128), target("expo", &token(number)))).collect()
}

fn ticket(number: usize) -> Outcome {
    Outcome::Taken { receipt: Some(ticket_of(&token(number))) }
}

#[tokio::test]
async fn a_message_arrives_and_has_a_receipt_to_ask_for() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    assert_eq!(provider.send(&numbered([1])).await, [ticket(1)]);
    assert_eq!(
        expo.seen(),
        [[json!({
            "to": token(1),
            "title": "Ada in #general",
            "body": "Grüße an alle 👋",
            "data": { "type": "message", "channelId": "c-1", "messageId": "m-1" },
            "sound": "default",
            "priority": "high",
            "expiration": push(1).expires_at.secs(),
            "badge": 3,
            "channelId": "chat",
            "richContent": { "image": "https://cdn.example/ada.png" },
            "tag": "channel-1",
            "collapseId": "channel-1",
        })]]
    );
}

#[tokio::test]
async fn batches_hold_a_hundred_and_outcomes_keep_their_order_whatever_they_are() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    let mut pushes = numbered(0..250);
    pushes[20].1.token = "no token of Expo's".into();
    pushes[21].0.expires_at = START;
    expo.fault(&token(3), "DeviceNotRegistered");
    expo.fault(&token(110), "MessageTooBig");
    expo.fault(&token(111), "MessageRateExceeded");
    expo.fault(&token(112), "MismatchSenderId");
    expo.fault(&token(113), "InvalidCredentials");
    expo.fault(&token(249), "SomethingNew");
    let outcomes = provider.send(&pushes).await;
    assert_eq!(outcomes.len(), 250);
    for (number, outcome) in outcomes.iter().enumerate() {
        let expected = match number {
            3 => "dead",
            20 => "no token",
            21 => "refused expired",
            110 | 249 => "refused payload",
            111 => "later 429",
            112 | 113 => "refused credentials",
            _ => {
                assert_eq!(*outcome, ticket(number));
                continue;
            }
        };
        assert_eq!(short(outcome), expected, "{number}: {outcome:?}");
    }
    let mut sizes: Vec<_> = expo.seen().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [48, 100, 100]);
}

#[tokio::test]
async fn one_message_that_expo_does_not_like_takes_no_other_with_it() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    expo.poison(&token(37));
    for (number, outcome) in provider.send(&numbered(0..100)).await.iter().enumerate() {
        if number == 37 {
            assert_eq!(*outcome, refused("payload", "400 VALIDATION_ERROR"));
        } else {
            assert_eq!(*outcome, ticket(number));
        }
    }
    let seen: usize = expo.seen().iter().map(Vec::len).sum();
    assert_eq!(seen, 99, "each of the others once");
}

#[tokio::test]
async fn tokens_of_several_projects_are_sent_apart() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    for number in [2, 5, 7] {
        expo.belongs_to(&token(number), "@example/beta");
    }
    for (number, outcome) in provider.send(&numbered(0..10)).await.iter().enumerate() {
        assert_eq!(*outcome, ticket(number));
    }
    let mut sizes: Vec<_> = expo.seen().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 7]);
    // Expo names no projects: it is not asked for ever.
    expo.send.then(request_error(400, "PUSH_TOO_MANY_EXPERIENCE_IDS", json!(null)));
    for outcome in provider.send(&numbered(20..22)).await {
        assert_eq!(short(&outcome), "refused settings");
    }
}

#[tokio::test]
async fn trouble_is_borne_and_nothing_is_waited_for_too_long() {
    let (clock, expo) = start().await;
    let device = || target("expo", &token(1));
    bears_trouble(&*provider(&expo, &common(&clock)), &expo.send, device()).await;
    sends_nothing_too_late(&*provider(&expo, &common(&clock)), device()).await;
    gives_up_in_time(&*provider(&expo, &impatient(&clock)), &expo.send, device()).await;
}

#[tokio::test]
async fn errors_of_a_whole_request_are_told_of_each_message_in_it() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    let ok = json!({ "status": "ok", "id": "x" });
    for (reply, expected) in [
        (request_error(429, "TOO_MANY_REQUESTS", json!(null)).header("retry-after", "3"), "later 429 3s"),
        (request_error(401, "UNAUTHORIZED", json!(null)), "refused credentials"),
        (request_error(503, "INTERNAL_SERVER_ERROR", json!(null)), "later 5xx"),
        (Reply::new(200, "<html>"), "later malformed"),
        (Reply::json(200, json!({})), "later malformed"),
        (Reply::json(200, json!({ "data": [ok] })), "later malformed"),
        (Reply::json(200, json!({ "data": [ok, { "status": "maybe" }] })), "later malformed"),
        (
            Reply::json(200, json!({ "data": [{ "status": "ok" }, { "status": "ok", "id": "" }] })),
            "later malformed",
        ),
    ] {
        expo.send.then(reply);
        for outcome in provider.send(&numbered([1, 2])).await {
            assert_eq!(short(&outcome), expected, "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn receipts_tell_later_what_became_of_each() {
    let (clock, expo) = start().await;
    let provider = provider(&expo, &common(&clock));
    let error = |code: &str| json!({ "status": "error", "message": "quotes", "details": { "error": code } });
    expo.receipt("fine", json!({ "status": "ok" }));
    expo.receipt("dead", error("DeviceNotRegistered"));
    expo.receipt("busy", error("MessageRateExceeded"));
    expo.receipt("theirs", error("ProviderError"));
    expo.receipt("keys", error("InvalidCredentials"));
    let ask = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let ids = ask(&["fine", "unknown", "dead", "busy", "theirs", "keys"]);
    let told: Vec<_> = provider.receipts(&ids).await.iter().map(|told| told.as_ref().map(short)).collect();
    let expected = [
        Some("taken"),
        None,
        Some("dead"),
        Some("later 429"),
        Some("later 5xx"),
        Some("refused credentials"),
    ];
    assert_eq!(told, expected.map(|told| told.map(str::to_owned)));
    // More than Expo takes at once.
    let many: Vec<_> =
        (0..2_500).map(|number| if number == 2_400 { "dead".into() } else { format!("{number}") }).collect();
    let told = provider.receipts(&many).await;
    assert_eq!(told.len(), 2_500);
    assert_eq!(told.iter().position(Option::is_some), Some(2_400));
    // Nothing is known while Expo is not well.
    for reply in [Reply::new(503, ""), Reply::new(200, "<html>"), Reply::json(200, json!({ "errors": [] }))] {
        expo.receipts.then(reply);
        assert_eq!(provider.receipts(&ask(&["fine"])).await, [None]);
    }
    assert_eq!(provider.receipts(&[]).await, []);
}

#[tokio::test]
async fn an_expo_that_is_down_is_tried_later() {
    let (clock, _expo) = start().await;
    let gone = at(&format!("http://{}", server::nobody().await), ACCESS_TOKEN, &common(&clock));
    for outcome in gone.send(&numbered([1, 2])).await {
        assert_eq!(short(&outcome), "later unreachable");
    }
    assert_eq!(gone.receipts(&["x".into()]).await, [None]);
}

#[tokio::test]
async fn the_receiver_refuses_the_first_wrong_byte() {
    let (clock, expo) = start().await;
    let other = at(&expo.server.url(), "expo-access-tokem", &common(&clock));
    assert_eq!(other.send(&numbered([1])).await, [refused("credentials", "401 UNAUTHORIZED")]);
    let good = json!([{ "to": token(1), "expiration": 1, "priority": "high" }]);
    assert_eq!(ask(&expo, &good).await, 200);
    for (key, value) in
        [("to", json!("device")), ("expiration", json!("soon")), ("priority", json!(null)), ("x", json!(1))]
    {
        let mut wrong = good.clone();
        wrong[0][key] = value;
        assert_eq!(ask(&expo, &wrong).await, 400, "{key}");
    }
}

async fn ask(expo: &Expo, body: &Value) -> u16 {
    let url = format!("{}/--/api/v2/push/send", expo.server.url());
    let request = reqwest::Client::new().post(url).bearer_auth(ACCESS_TOKEN).json(body);
    request.send().await.unwrap().status().as_u16()
}
