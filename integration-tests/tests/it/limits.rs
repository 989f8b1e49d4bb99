//! Limits on what a client sends (chatsdk.md §1.2, §1.3, §4).

use crate::prelude::*;

#[tokio::test]
async fn a_body_over_its_limit_is_too_large() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let body = json!({"text": "x".repeat(2 * 1024 * 1024)});
    alice.send_body(&group, &body).await.refused(413, "PAYLOAD_TOO_LARGE");
    server.server_key().post("/tokens", &body).await.refused(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_user_may_send_sixty_messages_a_minute_and_is_told_when_to_come_back() {
    let options = Options::new().with("rate_limits.enabled", true);
    let server = Harness::start_with(options).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let started = std::time::Instant::now();
    let mut refused = None;
    for count in 1..=200 {
        let answer = alice.send_body(&group, &json!({"text": "x"})).await;
        if answer.status != 201 {
            refused = Some((count, answer));
            break;
        }
    }
    let (count, answer) = refused.expect("a limit");
    // One more for every second that the others took.
    let refilled = 1 + started.elapsed().as_secs();
    assert!((61..=61 + refilled).contains(&count), "refused at {count}");
    let header: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
    let error = answer.refused(429, "RATE_LIMITED");
    assert_eq!(error["retryAfter"], header);
    assert!((1..=60).contains(&header), "{header}");
    // Others and other calls go on.
    bob.send(&group, "mine").await;
    alice.get(&ch(&group)).await.ok();
    // Sends into threads count as sends.
    let message = id(&bob.send(&group, "parent").await);
    let path = format!("{}/thread", msg(&group, &message));
    let mut reply = alice.post(&path, &json!({"text": "x"})).await;
    // What has been refilled meanwhile is used up first.
    for _ in 0..10 {
        if reply.status == 201 {
            reply = alice.post(&path, &json!({"text": "x"})).await;
        }
    }
    reply.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn token_requests_are_limited_per_address() {
    let options = Options::new().with("rate_limits.enabled", true).with("rate_limits.tokens_per_min", 5);
    let server = Harness::start_with(options).await;
    for _ in 0..5 {
        server.server_key().post("/tokens", &json!({"userId": "u"})).await.ok();
    }
    let answer = server.server_key().post("/tokens", &json!({"userId": "u"})).await;
    assert!(answer.header("retry-after").is_some());
    answer.refused(429, "RATE_LIMITED");
    let connect = server.server_key().post("/api/auth/connect", &json!({"userId": "u"})).await;
    connect.refused(429, "RATE_LIMITED");
    // A client cannot choose its own address.
    let forged = server.server_key().with_header("x-forwarded-for", "203.0.113.9");
    forged.post("/tokens", &json!({"userId": "u"})).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_trusted_proxy_names_the_address_that_counts() {
    let options = Options::new()
        .with("rate_limits.enabled", true)
        .with("rate_limits.tokens_per_min", 3)
        .with("gateway.trusted_proxies", "127.0.0.1");
    let server = Harness::start_with(options).await;
    for address in ["203.0.113.1", "203.0.113.2"] {
        let client = server.server_key().with_header("x-forwarded-for", address);
        for _ in 0..3 {
            client.post("/tokens", &json!({"userId": "u"})).await.ok();
        }
        client.post("/tokens", &json!({"userId": "u"})).await.refused(429, "RATE_LIMITED");
    }
}

/// Whether one of some calls is refused.
async fn is_limited(user: &User, calls: usize) -> bool {
    for _ in 0..calls {
        if user.get("/api/channels").await.status == 429 {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn all_other_calls_are_limited_per_key_or_if_wanted_per_user() {
    let options = Options::new().with("rate_limits.enabled", true).with("rate_limits.api_per_min", 10);
    let server = Harness::start_with(options.clone()).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    assert!(is_limited(&alice, 12).await);
    bob.get("/api/channels").await.refused(429, "RATE_LIMITED");

    let server = Harness::start_with(options.with("rate_limits.api_scope", "user")).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    assert!(is_limited(&alice, 12).await);
    bob.get("/api/channels").await.ok();
}

#[tokio::test]
async fn beyond_the_requests_that_fit_the_next_is_told_to_come_back() {
    use tokio::io::AsyncWriteExt as _;

    let options = Options::new().with("gateway.max_in_flight", 1).with_replicas("gateway", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    // A request whose body does not come keeps the only place (unless another one just has it).
    let head = format!(
        "POST /tokens HTTP/1.1\r\nHost: x\r\nX-API-Key: {DEV_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n"
    );
    let slow = tokio::sync::Mutex::new(Vec::new());
    let refused = eventually("there is no room", || async {
        let mut one = tokio::net::TcpStream::connect(&server.addresses().rest).await.unwrap();
        one.write_all(head.as_bytes()).await.unwrap();
        slow.lock().await.push(one);
        let answer = alice.to_rest().tolerant().get("/api/channels").await;
        if answer.status == 503 { Ok(answer) } else { Err(answer.status) }
    })
    .await;
    assert!(refused.header("retry-after").is_some());
    refused.refused(503, "SERVICE_UNAVAILABLE");
    alice.get("/health").await.ok();
    drop(slow);
    eventually("there is room again", || async {
        let answer = alice.to_rest().tolerant().get("/api/channels").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.status) }
    })
    .await;
}
