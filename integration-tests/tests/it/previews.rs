//! Link previews over REST and realtime, of pages on loopback.

use std::sync::{Arc, Mutex};

use parlance_integration_tests::loopback::{Loopback, answer};

use crate::prelude::*;

const PAGE: &str = r#"<!doctype html><html><head><title>plain title</title>
<meta property="og:title" content="Amazing &amp; true"><meta property="og:description" content="What it says">
<meta property="og:image" content="/picture.png"><meta property="og:site_name" content="Example">
<meta property="og:type" content="article"></head><body></body></html>"#;

/// A small web on loopback, and the paths that were asked for.
async fn web() -> (Loopback, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let own = asked.clone();
    let web = Loopback::serve(move |request| {
        let path = request.uri().path().to_owned();
        own.lock().unwrap().push(path.clone());
        match path.as_str() {
            "/page" => answer(200, "text/html; charset=utf-8", PAGE),
            "/oembed" => answer(
                200,
                "application/json",
                r#"{"type":"video","title":"Amazing Video Title","provider_name":"YouTube","author_name":"Somebody"}"#,
            ),
            _ => answer(404, "text/html", "<title>not found</title>"),
        }
    })
    .await;
    (web, asked)
}

fn open_to_loopback(web: &Loopback) -> Options {
    Options::new()
        .with("link_preview.allow_private_networks", true)
        .with("link_preview.youtube_oembed_url", format!("{}/oembed", web.url))
}

#[tokio::test]
async fn a_preview_comes_with_an_update_that_carries_the_whole_message() {
    let (web, _) = web().await;
    let server = Harness::start_with(open_to_loopback(&web)).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("links", &[&bob]).await;
    let chat = bob.chat(&group);
    let socket = Realtime::follow(&server, &bob, &[&group]).await;
    let link = format!("{}/page", web.url);
    let text = format!("look: {link}");
    let sent = alice.send(&group, &text).await;
    assert_eq!(sent["linkPreviews"], json!([]));
    let updated = socket.event(&chat, "message.updated").await;
    let message = &updated["message"];
    assert_eq!((&message["id"], &message["text"]), (&sent["id"], &json!(text)));
    assert_eq!(
        message["linkPreviews"],
        json!([{
            "url": link, "title": "Amazing & true", "description": "What it says",
            "image": format!("{}/picture.png", web.url), "imageUrl": format!("{}/picture.png", web.url),
            "siteName": "Example", "type": "article",
        }])
    );
    assert_eq!(message["updatedAt"], sent["updatedAt"]);
    let listed = alice.messages(&group, "").await["messages"][0].clone();
    assert_eq!(listed["linkPreviews"], message["linkPreviews"]);
}

#[tokio::test]
async fn a_video_has_its_id_and_player() {
    let (web, asked) = web().await;
    let server = Harness::start_with(open_to_loopback(&web)).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("videos", &[&bob]).await;
    alice.send(&group, "Check out this video: https://youtube.com/watch?v=dQw4w9WgXcQ").await;
    let previews = eventually("the preview", async || {
        let message = alice.messages(&group, "").await["messages"][0].clone();
        if message["linkPreviews"].as_array().is_some_and(|all| !all.is_empty()) {
            Ok(message["linkPreviews"].clone())
        } else {
            Err(message)
        }
    })
    .await;
    let video = &previews[0];
    assert_eq!(video["url"], "https://youtube.com/watch?v=dQw4w9WgXcQ");
    assert_eq!((&video["title"], &video["siteName"]), (&json!("Amazing Video Title"), &json!("YouTube")));
    assert_eq!((&video["type"], &video["videoId"]), (&json!("video"), &json!("dQw4w9WgXcQ")));
    assert_eq!(video["embedUrl"], "https://www.youtube.com/embed/dQw4w9WgXcQ");
    assert!(video["image"].as_str().unwrap().contains("dQw4w9WgXcQ"), "{video}");
    assert_eq!(*asked.lock().unwrap(), ["/oembed"]);
}

#[tokio::test]
async fn what_was_not_looked_up_before_a_kill_is_looked_up_after_it() {
    let (web, asked) = web().await;
    let options = open_to_loopback(&web).with("link_preview.enabled", true);
    let mut server = Harness::start_with(options).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("killed", &[&bob]).await;
    let link = format!("{}/page", web.url);
    for _ in 0..20 {
        alice.send(&group, &link).await;
    }
    server.crash().await;
    let has_preview = |message: &Value| !message["linkPreviews"].as_array().unwrap().is_empty();
    let started = std::time::Instant::now();
    loop {
        let page = alice.messages(&group, "").await;
        let all = page["messages"].as_array().unwrap();
        if all.len() == 20 && all.iter().all(has_preview) {
            break;
        }
        // On a shared database, what the killed process had taken is its own for half a minute.
        assert!(started.elapsed().as_secs() < 60, "{page}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(asked.lock().unwrap().iter().any(|path| path == "/page"));
}

#[tokio::test]
async fn nothing_is_opened_where_previews_are_switched_off() {
    let (web, asked) = web().await;
    let server = Harness::start_with(open_to_loopback(&web).with("link_preview.enabled", false)).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("off", &[&bob]).await;
    let sent = alice.send(&group, &format!("{}/page", web.url)).await;
    let message = alice.get(&msg(&group, &id(&sent))).await.ok();
    assert_eq!(message["linkPreviews"], json!([]));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_private_address_is_not_opened() {
    let server = Harness::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("safe", &[&bob]).await;
    let link = format!("http://{address}/secret http://2130706433:{}/x", address.port());
    let sent = alice.send(&group, &link).await;
    assert_eq!(sent["linkPreviews"], json!([]));
    // The lookup has had its answer once the metrics count it.
    eventually("the links were refused", async || {
        let metrics = server.metrics().await;
        let refused = metrics.lines().find(|line| {
            line.starts_with("parlance_link_preview_resolves_total") && line.contains("\"refused\"")
        });
        match refused.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()) {
            Some(count) if count >= 2.0 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let connection = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(connection.is_err(), "somebody came");
}
