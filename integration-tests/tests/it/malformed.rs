//! Wrong input never gives a 5xx: `Rest` fails on every one that it sees.

use crate::authorization::{server_endpoints, user_endpoints};
use crate::prelude::*;

async fn scene() -> (Harness, User, String, String) {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let message = id(&alice.send(&group, "hello").await);
    (server, alice, group, message)
}

/// Endpoints that change something by a body.
fn with_bodies(group: &str, message: &str) -> Vec<(Method, String, Value)> {
    let all = user_endpoints(group, message, "bob").into_iter().chain(server_endpoints());
    all.filter_map(|(method, path, body)| Some((method, path, body?))).collect()
}

#[tokio::test]
async fn broken_json_is_a_validation_error() {
    let (_server, alice, group, message) = scene().await;
    for (method, path, _) in with_bodies(&group, &message) {
        for body in ["{", "{\"text\":", "[1,", "\u{0}", "nul"] {
            let answer = alice.raw(method.clone(), &path, "application/json", body.into()).await;
            answer.refused(400, "VALIDATION_ERROR");
        }
        let not_text = alice.raw(method.clone(), &path, "application/json", vec![b'"', 0xff, b'"']).await;
        not_text.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_shape_are_validation_errors() {
    let (_server, alice, group, message) = scene().await;
    for (method, path, _) in with_bodies(&group, &message) {
        for body in [json!([]), json!("text"), json!(7), json!(true)] {
            let answer = alice.request(method.clone(), &path, Some(&body)).await;
            answer.refused(400, "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_validation_errors() {
    let (_server, alice, group, message) = scene().await;
    for (method, path, body) in with_bodies(&group, &message) {
        for field in body.as_object().unwrap().keys() {
            let right = &body[field];
            for wrong in
                [json!({"deep": {"er": 1}}), json!([[[]]]), json!(-1.5e300), json!("\u{0}"), json!(true)]
            {
                // Free text may be any text; a switch may be a switch.
                if std::mem::discriminant(&wrong) == std::mem::discriminant(right) {
                    continue;
                }
                let mut changed = body.clone();
                changed[field] = wrong;
                let answer = alice.request(method.clone(), &path, Some(&changed)).await;
                assert_eq!(answer.status, 400, "{method} {path} {changed}: {}", answer.text);
                answer.refused(400, "VALIDATION_ERROR");
            }
        }
    }
}

#[tokio::test]
async fn an_absent_body_is_an_empty_object_and_unknown_keys_are_ignored() {
    let (_server, alice, group, message) = scene().await;
    alice.post_empty(&format!("{}/read", ch(&group))).await.ok();
    alice.post_empty(&format!("{}/typing", ch(&group))).await.ok();
    alice.post_empty(&format!("{}/messages", ch(&group))).await.refused(400, "VALIDATION_ERROR");
    let body = json!({"text": "x", "surprise": {"a": [1]}});
    alice.send_body(&group, &body).await.created();
    let body = json!({"messageId": message, "surprise": 1});
    alice.post(&format!("{}/read", ch(&group)), &body).await.ok();
}

#[tokio::test]
async fn a_json_body_needs_no_content_type() {
    let (_server, alice, group, _) = scene().await;
    for content_type in ["text/plain", "application/json; charset=utf-8", "application/octet-stream"] {
        let path = format!("{}/messages", ch(&group));
        let answer = alice.raw(Method::POST, &path, content_type, br#"{"text":"x"}"#.to_vec()).await;
        answer.created();
    }
}

#[tokio::test]
async fn malformed_ids_in_the_path_are_not_found() {
    let (_server, alice, group, message) = scene().await;
    let odd = ["x", "123", "00000000-0000-0000-0000-00000000000g", "%00", "%ff", "a%20b", "'--", "💬"];
    for bad in odd.into_iter().chain([NOBODY, "x".repeat(3000).as_str()]) {
        let all = user_endpoints(bad, &message, "bob");
        for (method, path, body) in all.into_iter().filter(|(_, path, _)| path.contains(bad)) {
            let answer = alice.request(method.clone(), &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
        let all = user_endpoints(&group, bad, "bob");
        for (method, path, body) in all.into_iter().filter(|(_, path, _)| path.contains(bad)) {
            let answer = alice.request(method.clone(), &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn queries_that_are_not_numbers_are_validation_errors_and_extreme_numbers_are_clamped() {
    let (_server, alice, group, _) = scene().await;
    let messages = format!("{}/messages", ch(&group));
    for query in ["limit=x", "limit=1.5", "since_seq=x", "since_seq=1e999"] {
        alice.get(&format!("{messages}?{query}")).await.refused(400, "VALIDATION_ERROR");
    }
    for query in ["limit=x", "offset=x", "offset=1e9"] {
        alice.get(&format!("/api/channels?{query}")).await.refused(400, "VALIDATION_ERROR");
        alice.get(&format!("/api/users?{query}")).await.refused(400, "VALIDATION_ERROR");
    }
    for query in [
        "limit=0",
        "limit=-5",
        "limit=1000000",
        "limit=99999999999999999999999",
        "since_seq=-1",
        "offset=4000000000",
        "offset=-1",
        "%zz",
        "a=b&&&=",
        "limit=",
    ] {
        for path in ["/api/channels", "/api/users", messages.as_str()] {
            let answer = alice.get(&format!("{path}?{query}")).await;
            assert!(answer.status == 200 || answer.status == 400, "{path}?{query}: {}", answer.text);
        }
    }
    alice.get(&format!("{messages}?limit=1000000")).await.ok();
    alice.get("/api/channels?limit=0").await.ok();
}

#[tokio::test]
async fn deep_json_is_refused_without_harm() {
    let (_server, alice, group, _) = scene().await;
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let path = format!("{}/messages", ch(&group));
    let answer = alice.raw(Method::POST, &path, "application/json", deep.into_bytes()).await;
    answer.refused(400, "VALIDATION_ERROR");
    alice.send(&group, "still there").await;
}

#[tokio::test]
async fn odd_credentials_are_refused_and_never_break_anything() {
    let (server, alice, _, _) = scene().await;
    for header in ["Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer a b", "Bearer ..", "Bearer ...."] {
        let rest = server.server_key().with_header("authorization", header);
        assert_eq!(rest.get("/api/channels").await.status, 401, "{header}");
    }
    let huge = server.server_key().with_token(&"x".repeat(20_000));
    let status = huge.get("/api/channels").await.status;
    assert!(status == 401 || status == 431, "{status}");
    let lower = server.server_key().with_header("authorization", &format!("bearer {}", alice.token));
    lower.get("/api/channels").await.ok();
}
