use std::sync::Arc;

use parlance_core::ManualClock;
use parlance_notification::providers::{Common, Kind, Provider, Push, Target, build};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fakes::novu::{API_KEY, Novu, WORKFLOW};
use crate::fakes::{Reply, server};
use crate::support::*;

const ADA: &str = "00000000-0000-0000-0000-000000000001:ada";

async fn start() -> (Arc<ManualClock>, Novu) {
    (clock(), Novu::start().await)
}

fn provider(novu: &Novu, common: &Common) -> Arc<dyn Provider> {
    with(json!({ "base_url": novu.server.url(), "workflow": WORKFLOW }), API_KEY, common)
}

fn with(settings: Value, key: &str, common: &Common) -> Arc<dyn Provider> {
    build(Kind::Novu, &settings, &json!({ "api_key": key }), common).unwrap()
}

fn to(push: &Push, devices: &[(&'static str, &str)]) -> Vec<(Push, Target)> {
    devices.iter().map(|(channel, token)| (push.clone(), target(channel, token))).collect()
}

async fn told(provider: &Arc<dyn Provider>, pushes: &[(Push, Target)]) -> Vec<String> {
    provider.send(pushes).await.iter().map(short).collect()
}

#[tokio::test]
async fn a_user_with_many_devices_is_one_subscriber_and_one_trigger() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    let devices = [("fcm", "f-2"), ("apns", "a-1"), ("fcm", "f-1"), ("expo", "e-1")];
    assert_eq!(told(&provider, &to(&push(1), &devices)).await, ["taken"; 4]);
    let tokens = json!({ "apns": ["a-1"], "expo": ["e-1"], "fcm": ["f-1", "f-2"] });
    assert_eq!(json!(novu.subscribers()), json!({ ADA: tokens }));
    let triggered = novu.triggered();
    assert_eq!(triggered.len(), 1);
    let sent = &triggered[&push(1).id.to_string()];
    assert_eq!(sent["to"], ADA);
    assert_eq!(sent["tokens"], tokens, "the tokens stood there before the trigger");
    let data = json!({ "type": "message", "channelId": "c-1", "messageId": "m-1" });
    assert_eq!(
        sent["payload"],
        json!({
            "title": "Ada in #general",
            "body": "Grüße an alle 👋",
            "image": "https://cdn.example/ada.png",
            "data": data,
            "badge": 3,
            "collapseKey": "channel-1",
        })
    );
    let expires = push(1).expires_at.secs();
    assert_eq!(
        sent["overrides"],
        json!({
            "fcm": {
                "data": data,
                "android": { "ttl": 3_600_000, "collapseKey": "channel-1", "notification": { "tag": "channel-1" } },
                "apns": {
                    "headers": { "apns-expiration": expires.to_string(), "apns-collapse-id": "channel-1" },
                    "payload": { "aps": { "sound": "default", "threadId": "channel-1", "badge": 3 } },
                },
            },
            "apns": { "expiry": expires, "payload": data, "collapseId": "channel-1", "badge": 3 },
            "expo": { "expiration": expires, "data": data, "badge": 3 },
        })
    );
}

#[tokio::test]
async fn a_subscriber_is_written_only_when_his_devices_change() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    let trigger = "POST /v1/events/trigger";
    let path = |rest: &str| format!("/v1/subscribers/{ADA}{rest}");
    let both = [("fcm", "f-1"), ("expo", "e-1")];
    assert_eq!(told(&provider, &to(&push(1), &both)).await, ["taken"; 2]);
    let put = format!("PUT {}", path("/credentials"));
    assert_eq!(novu.log(), ["POST /v1/subscribers", &put, &put, trigger]);
    assert_eq!(told(&provider, &to(&push(2), &both)).await, ["taken"; 2]);
    assert_eq!(novu.log(), ["POST /v1/subscribers", trigger]);
    // One token less, and a channel less.
    assert_eq!(told(&provider, &to(&push(3), &both[..1])).await, ["taken"]);
    let delete = format!("DELETE {}", path("/credentials/expo"));
    assert_eq!(novu.log(), ["POST /v1/subscribers", &delete, trigger]);
    assert_eq!(json!(novu.subscribers()), json!({ ADA: { "fcm": ["f-1"] } }));
    assert_eq!(told(&provider, &to(&push(4), &[("fcm", "f-9")])).await, ["taken"]);
    assert_eq!(json!(novu.subscribers()), json!({ ADA: { "fcm": ["f-9"] } }), "replaced, not added");
}

#[tokio::test]
async fn what_another_replica_has_written_since_is_put_right() {
    let (clock, novu) = start().await;
    let (one, other) = (provider(&novu, &common(&clock)), provider(&novu, &common(&clock)));
    let both = [("fcm", "f-1"), ("fcm", "f-2")];
    assert_eq!(told(&one, &to(&push(1), &both[..1])).await, ["taken"]);
    assert_eq!(told(&other, &to(&push(2), &both)).await, ["taken"; 2]);
    // The second device was removed.
    assert_eq!(told(&one, &to(&push(3), &both[..1])).await, ["taken"]);
    assert_eq!(novu.triggered()[&push(3).id.to_string()]["tokens"], json!({ "fcm": ["f-1"] }));
}

#[tokio::test]
async fn tokens_that_stood_at_novu_from_before_a_restart_are_taken_out() {
    let (clock, novu) = start().await;
    novu.holds(ADA, "apns", &["gone"]);
    novu.holds(ADA, "fcm", &["f-1", "gone"]);
    novu.holds(ADA, "one-signal", &["not ours"]);
    let provider = provider(&novu, &common(&clock));
    assert_eq!(told(&provider, &to(&push(1), &[("fcm", "f-1")])).await, ["taken"]);
    assert_eq!(json!(novu.subscribers()), json!({ ADA: { "fcm": ["f-1"], "one-signal": ["not ours"] } }));
}

#[tokio::test]
async fn users_of_two_apps_with_one_name_do_not_meet() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    let mut other = push(2);
    other.app = Uuid::from_u128(2);
    let mut odd = push(3);
    odd.user_id = "a/../b?c d#é".into();
    let pushes =
        [to(&push(1), &[("fcm", "f-1")]), to(&other, &[("fcm", "f-2")]), to(&odd, &[("fcm", "f-3")])]
            .concat();
    assert_eq!(told(&provider, &pushes).await, ["taken"; 3]);
    assert_eq!(
        json!(novu.subscribers()),
        json!({
            ADA: { "fcm": ["f-1"] },
            "00000000-0000-0000-0000-000000000002:ada": { "fcm": ["f-2"] },
            "00000000-0000-0000-0000-000000000001:a/../b?c d#é": { "fcm": ["f-3"] },
        })
    );
}

#[tokio::test]
async fn a_repeat_is_the_same_transaction() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    for _ in 0..3 {
        assert_eq!(told(&provider, &to(&push(1), &[("fcm", "f-1")])).await, ["taken"]);
    }
    assert_eq!(novu.triggered().len(), 1);
}

#[tokio::test]
async fn devices_that_novu_has_no_use_for_are_told_apart() {
    let (clock, novu) = start().await;
    novu.has_no("apns");
    let provider = provider(&novu, &common(&clock));
    let devices = [("apns", "a-1"), ("fcm", "f-1"), ("web_push", "https://push.example/1")];
    assert_eq!(
        told(&provider, &to(&push(1), &devices)).await,
        ["refused settings", "taken", "refused channel"]
    );
    assert_eq!(novu.triggered().len(), 1);
    assert_eq!(told(&provider, &to(&push(2), &devices[..1])).await, ["refused settings"]);
    assert_eq!(novu.triggered().len(), 1, "nobody would get it");
}

#[tokio::test]
async fn what_novu_says_of_a_trigger_has_its_outcome() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    let said = |status: &str| Reply::json(201, json!({ "data": { "acknowledged": true, "status": status } }));
    for (reply, expected) in [
        (said("trigger_not_active"), "refused settings"),
        (said("no_workflow_active_steps_defined"), "refused settings"),
        (said("invalid_recipients"), "refused settings"),
        (said("a sentence that quotes"), "refused settings"),
        (Reply::json(402, json!({})), "refused credentials"),
        (Reply::json(404, json!({})), "refused settings"),
        (Reply::json(409, json!({})), "later busy"),
        (Reply::new(201, "<html>"), "later malformed"),
        (Reply::json(201, json!({ "data": {} })), "later malformed"),
    ] {
        novu.triggers.then(reply);
        let told = told(&provider, &to(&push(1), &[("fcm", "f-1")])).await;
        assert_eq!(told, [expected]);
    }
}

#[tokio::test]
async fn trouble_is_borne_at_every_step_and_nothing_is_waited_for_too_long() {
    let (clock, novu) = start().await;
    let device = || target("fcm", "f-1");
    let provider = provider(&novu, &common(&clock));
    bears_trouble(&*provider, &novu.triggers, device()).await;
    sends_nothing_too_late(&*provider, device()).await;
    let fresh = crate::novu::provider(&novu, &common(&clock));
    bears_trouble(&*fresh, &novu.calls, device()).await;
    let impatient = crate::novu::provider(&novu, &impatient(&clock));
    gives_up_in_time(&*impatient, &novu.calls, device()).await;
    while novu.calls.next().is_some() {}
    novu.calls.then(Reply::hangs()).then(Reply::hangs());
    assert_eq!(impatient.preferences(push(1).app, "ada").await, None);
}

#[tokio::test]
async fn preferences_are_read_in_the_shape_of_the_contract() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    assert_eq!(provider.preferences(push(1).app, "ada").await, None, "not known there");
    novu.holds(ADA, "fcm", &[]);
    let told = provider.preferences(push(1).app, "ada").await.unwrap();
    let channels = json!([{ "channel": "email", "enabled": false }, { "channel": "push", "enabled": true }]);
    assert_eq!(told["channels"], channels);
    assert_eq!(told["workflows"][0]["template"]["name"], WORKFLOW);
    for reply in [Reply::new(500, ""), Reply::new(200, "<html>")] {
        novu.calls.then(Reply::new(500, "")).then(reply);
        assert_eq!(provider.preferences(push(1).app, "ada").await, None);
    }
}

#[tokio::test]
async fn a_deleted_user_is_removed_from_novu() {
    let (clock, novu) = start().await;
    let provider = provider(&novu, &common(&clock));
    let pushes = to(&push(1), &[("fcm", "f-1")]);
    assert_eq!(told(&provider, &pushes).await, ["taken"]);
    for _ in 0..2 {
        assert_eq!(provider.forget(push(1).app, "ada").await, taken());
        assert!(novu.subscribers().is_empty());
    }
    novu.calls.then(Reply::new(503, ""));
    assert_eq!(short(&provider.forget(push(1).app, "ada").await), "later 5xx");
    // Who comes back is written again.
    assert_eq!(told(&provider, &to(&push(2), &[("fcm", "f-1")])).await, ["taken"]);
    assert_eq!(json!(novu.subscribers()), json!({ ADA: { "fcm": ["f-1"] } }));
}

#[tokio::test]
async fn a_novu_that_is_down_is_tried_later() {
    let (clock, _novu) = start().await;
    let settings = json!({ "base_url": format!("http://{}", server::nobody().await), "workflow": WORKFLOW });
    let gone = with(settings, API_KEY, &common(&clock));
    assert_eq!(
        told(&gone, &to(&push(1), &[("fcm", "f-1"), ("expo", "e-1")])).await,
        ["later unreachable"; 2]
    );
    assert_eq!(gone.preferences(push(1).app, "ada").await, None);
}

#[tokio::test]
async fn the_receiver_refuses_another_key_and_another_workflow() {
    let (clock, novu) = start().await;
    let settings = json!({ "base_url": novu.server.url(), "workflow": WORKFLOW });
    let other = with(settings, "novu-api-kez", &common(&clock));
    let pushes = to(&push(1), &[("fcm", "f-1")]);
    assert_eq!(other.send(&pushes).await, [refused("credentials", "401")]);
    let settings = json!({ "base_url": novu.server.url(), "workflow": "chat-messagf" });
    let other = with(settings, API_KEY, &common(&clock));
    assert_eq!(other.send(&pushes).await, [refused("settings", "422")]);
    assert!(novu.triggered().is_empty());
}
