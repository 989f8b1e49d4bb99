//! Who is told of what, through a push service that speaks Expo's protocol.

use parlance_integration_tests::push::{Admin, Answers, Expo, Taken};
use parlance_proto::notification::ProviderKind;

use crate::prelude::*;

/// An installation whose app sends through a push service of ours.
async fn installation(options: Options) -> (Harness, Expo, Admin) {
    let options = options.with("notification.allow_private_networks", true);
    let server = Harness::start_with(options).await;
    let expo = Expo::start().await;
    let admin = Admin::of(&server).await;
    admin.set_provider(ProviderKind::Expo, &json!({"base_url": expo.url}), &json!({})).await;
    (server, expo, admin)
}

fn token(user: &User) -> String {
    format!("ExponentPushToken[{}]", user.id)
}

async fn with_device(server: &Harness, id: &str) -> User {
    let user = server.user(id).await;
    user.post("/api/devices", &json!({"platform": "expo", "token": token(&user)})).await.created();
    user
}

/// What a user's device has got, once that is at least `count`.
async fn got(expo: &Expo, user: &User, count: usize) -> Vec<Taken> {
    let token = token(user);
    eventually("the device has got it", async || {
        let got = expo.to(&token);
        if got.len() >= count { Ok(got) } else { Err(expo.taken()) }
    })
    .await
}

#[tokio::test]
async fn a_message_reaches_the_device_of_whoever_is_away() {
    let (server, expo, _) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    let group = alice.group("Project Alpha", &[&bob]).await;
    let invite = got(&expo, &bob, 1).await;
    assert_eq!(invite[0].data["channelId"], group);
    let sent = alice.send(&group, "hello there").await;
    let got = got(&expo, &bob, 2).await;
    assert!(got[1].body.contains("hello there"), "{:?}", got[1]);
    assert_eq!(got[1].data["channelId"], group);
    assert_eq!(got[1].data["messageId"], sent["id"]);
    assert!(expo.to(&token(&alice)).is_empty());
}

#[tokio::test]
async fn nothing_is_pushed_to_whoever_has_muted_is_quiet_has_blocked_is_here_or_has_read() {
    let (server, expo, _) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let mut users = Vec::new();
    for id in ["muted", "quiet", "off", "unwilling", "connected", "away"] {
        users.push(with_device(&server, id).await);
    }
    let [muted, quiet, off, unwilling, connected, away] = &users[..] else { unreachable!("six users") };
    let quiet_hours = json!({
        "quietHoursEnabled": true, "quietHoursStart": "00:00", "quietHoursEnd": "23:59", "channelInvites": false,
    });
    quiet.patch("/api/devices/preferences", &quiet_hours).await.ok();
    off.patch("/api/devices/preferences", &json!({"pushEnabled": false})).await.ok();
    let no_messages = json!({"newMessages": false, "channelInvites": false});
    unwilling.patch("/api/devices/preferences", &no_messages).await.ok();
    for user in [muted, connected, away] {
        user.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    }
    let _socket = Realtime::connect(&server, connected).await;
    let group = alice.group("all", &users.iter().collect::<Vec<_>>()).await;
    muted.patch(&format!("{}/settings", ch(&group)), &json!({"muted": true})).await.ok();

    alice.send(&group, "first").await;
    got(&expo, away, 1).await;
    // A second one, so that whatever was late with the first would be here by now.
    alice.send(&group, "second").await;
    got(&expo, away, 2).await;
    let others: Vec<Taken> = expo.taken().into_iter().filter(|taken| taken.to != token(away)).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_burst_is_folded_and_what_was_read_meanwhile_is_not_pushed() {
    let (server, expo, _) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    bob.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    let group = alice.group("burst", &[&bob]).await;
    for n in 0..20 {
        alice.send(&group, &format!("message {n}")).await;
    }
    // The first at once, the others together when the window is over.
    let pushed = got(&expo, &bob, 2).await;
    assert_eq!(pushed.len(), 2, "{pushed:?}");
    alice.send(&group, "read before it is pushed").await;
    bob.post(&format!("{}/read", ch(&group)), &json!({})).await.ok();
    let other = alice.group("other", &[&bob]).await;
    alice.send(&other, "afterwards").await;
    let pushed = got(&expo, &bob, 3).await;
    assert!(pushed[2].body.contains("afterwards"), "{pushed:?}");
}

#[tokio::test]
async fn mentions_replies_reactions_and_invites_are_told_as_what_they_are() {
    let (server, expo, _) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    let wishes = json!({"newMessages": false, "reactions": true});
    bob.patch("/api/devices/preferences", &wishes).await.ok();
    let kinds = async |count: usize| {
        let got = got(&expo, &bob, count).await;
        got.iter().map(|taken| taken.data["type"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let group = alice.group("kinds", &[&bob]).await;
    assert_eq!(kinds(1).await, ["invite"]);
    alice.send(&group, "nobody in particular").await;
    alice.send(&group, "hello @bob").await;
    assert_eq!(kinds(2).await[1], "mention");
    let other = bob.group("mine", &[&alice]).await;
    let mine = bob.send(&other, "react to this").await;
    let reactions = format!("{}/reactions", msg(&other, &id(&mine)));
    alice.post(&reactions, &json!({"emoji": "👍"})).await.ok();
    assert_eq!(kinds(3).await[2], "reaction");
    let third = bob.group("thread", &[&alice]).await;
    let parent = bob.send(&third, "answer this").await;
    alice
        .post(&format!("{}/thread", msg(&third, &id(&parent))), &json!({"text": "an answer"}))
        .await
        .created();
    assert_eq!(kinds(4).await[3], "thread_reply");
}

#[tokio::test]
async fn what_waits_survives_a_kill_and_comes_when_the_push_service_is_back() {
    let (mut server, expo, admin) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    bob.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    expo.answer(Answers::Away);
    let mut groups = Vec::new();
    for n in 0..10 {
        let group = alice.group(&format!("g{n}"), &[&bob]).await;
        alice.send(&group, &format!("message {n}")).await;
        groups.push(group);
    }
    eventually("the queue holds them", async || {
        let queue = admin.queue().await;
        if queue.waiting >= 10 && expo.requests() > 0 { Ok(()) } else { Err(queue) }
    })
    .await;
    server.crash().await;
    expo.answer(Answers::Tickets);
    // On a shared database, what the killed process had taken is its own for up to 45 s.
    let started = std::time::Instant::now();
    let token = token(&bob);
    while expo.to(&token).len() < groups.len() {
        assert!(started.elapsed().as_secs() < 90, "{:?}", expo.taken());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let pushed = expo.to(&token);
    for group in groups {
        assert!(pushed.iter().any(|taken| taken.data["channelId"] == group), "{group} in {pushed:?}");
    }
}

#[tokio::test]
async fn what_is_refused_is_a_dead_letter_that_an_operator_replays() {
    let (server, expo, admin) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    bob.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    let group = alice.group("letters", &[&bob]).await;
    expo.answer(Answers::TooBig);
    alice.send(&group, "too big").await;
    let letters = eventually("there is a dead letter", async || {
        let letters = admin.dead_letters().await;
        if letters.len() == 1 { Ok(letters) } else { Err(letters) }
    })
    .await;
    assert!(!letters[0].error.contains("too big"), "{letters:?}");
    expo.answer(Answers::Tickets);
    assert_eq!(admin.replay().await, 1);
    got(&expo, &bob, 1).await;
    assert!(admin.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_token_that_is_dead_is_removed() {
    let (server, expo, _) = installation(Options::new()).await;
    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    let before = bob.post("/api/devices", &json!({"platform": "expo", "token": token(&bob)})).await.created();
    bob.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    let group = alice.group("dead", &[&bob]).await;
    expo.answer(Answers::NotRegistered);
    alice.send(&group, "is anybody there?").await;
    eventually("the device is gone", async || {
        let queued = bob.post("/api/webpush/test", &json!({})).await.ok()["queued"].clone();
        if queued == 0 { Ok(()) } else { Err(queued) }
    })
    .await;
    let after = bob.post("/api/devices", &json!({"platform": "expo", "token": token(&bob)})).await.created();
    assert_ne!(before["id"], after["id"]);
}

#[tokio::test]
async fn an_operator_sets_up_push_and_replays_what_was_refused_at_the_command_line() {
    let server = Harness::start_with(Options::new().with("notification.allow_private_networks", true)).await;
    let (expo, admin) = (Expo::start().await, Admin::of(&server).await);
    let settings = json!({"base_url": expo.url}).to_string();
    let told = admin.tool(&["set", "expo", "--settings", &settings]).await.unwrap();
    assert!(told.starts_with("expo      enabled ") && told.contains(&expo.url), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets.json");
    std::fs::write(&secrets, json!({"access_token": "hush"}).to_string()).unwrap();
    let told =
        admin.tool(&["set", "expo", "--settings", &settings, "--secrets", secrets.to_str().unwrap()]).await;
    assert!(!told.unwrap().contains("hush"));
    assert_eq!(admin.tool(&["list"]).await.unwrap().lines().count(), 1);

    let alice = server.user("alice").await;
    let bob = with_device(&server, "bob").await;
    bob.patch("/api/devices/preferences", &json!({"channelInvites": false})).await.ok();
    let group = alice.group("letters", &[&bob]).await;
    expo.answer(Answers::TooBig);
    alice.send(&group, "too big").await;
    let told = eventually("there is a dead letter", async || {
        let told = admin.tool(&["dead-letters"]).await.unwrap();
        if told.lines().count() == 1 { Ok(told) } else { Err(told) }
    })
    .await;
    assert!(told.contains(&format!("expo  message  channel {group}")), "{told}");
    let queue = admin.tool(&["queue"]).await.unwrap();
    assert!(queue.contains("waiting  0\n") && queue.contains("dead     1\n"), "{queue}");

    expo.answer(Answers::Tickets);
    let id = told.split(' ').next().unwrap();
    assert_eq!(admin.tool(&["replay", id]).await.unwrap(), "replayed  1\n");
    got(&expo, &bob, 1).await;
    assert_eq!(admin.tool(&["discard", "--all"]).await.unwrap(), "discarded  0\n");
    assert_eq!(admin.tool(&["remove", "expo"]).await.unwrap(), "removed\n");
    assert_eq!(admin.tool(&["list"]).await.unwrap(), "");
}

#[tokio::test]
async fn mistakes_at_the_command_line_are_named_and_change_nothing() {
    let (_server, expo, admin) = installation(Options::new()).await;
    let before = admin.tool(&["list"]).await.unwrap();
    for (mistake, named) in [
        (&["set", "pigeon"][..], "must be fcm, apns, expo, web-push or novu"),
        (&["set", "expo", "--settings", "no JSON"], "settings"),
        (&["set", "expo", "--settings", r#"{"colour": "red"}"#], "colour"),
        (&["set", "fcm", "--secrets", "/nowhere"], "read /nowhere"),
        (&["remove", "novu"], "has not set it up"),
        (&["replay"], "required"),
        (&["replay", "x", "--all"], "cannot be used"),
        (&["dead-letters", "--limit", "0"], "limit"),
        (&["--api-key", "wrong", "list"], "API key"),
        (&["--server", "http://127.0.0.1:1", "list"], "connect to http://127.0.0.1:1"),
    ] {
        let told = admin.tool(mistake).await.expect_err(named);
        assert!(told.contains(named), "{mistake:?}: {told}");
    }
    assert_eq!(admin.tool(&["list"]).await.unwrap(), before);
    assert!(expo.taken().is_empty());
}
