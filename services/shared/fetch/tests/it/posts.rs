use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use parlance_fetch::{Failure, Fetcher, Refusal, Settings, Trouble};
use url::Url;

use crate::site::{INSIDE, OUTSIDE, Reply, Site, answer, fetcher, fetcher_with, names, outside, redirect};

fn headers() -> HeaderMap {
    let ttl = (HeaderName::from_static("ttl"), HeaderValue::from_static("60"));
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")), ttl].into_iter().collect()
}

async fn send(fetcher: &Fetcher, url: &Url) -> Result<parlance_fetch::Posted, Failure> {
    fetcher.post(url, headers(), Bytes::from_static(b"payload")).await
}

#[tokio::test]
async fn headers_and_body_arrive_and_the_answer_comes_back() {
    let seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let kept = seen.clone();
    let take = async move |headers: HeaderMap, body: Bytes| {
        kept.lock().unwrap().push((headers, body));
        (StatusCode::CREATED, [(header::LOCATION, "/message/1")], "taken")
    };
    let listener = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/push", post(take))).await });
    let url = Url::parse(&format!("http://push.example:{port}/push")).unwrap();
    let fetcher = fetcher_with(outside(), Settings { idle_per_host: 4, ..Settings::default() });
    for _ in 0..3 {
        let posted = send(&fetcher, &url).await.unwrap();
        assert_eq!((posted.status, posted.body.as_ref()), (201, b"taken".as_slice()));
        assert_eq!(posted.headers[header::LOCATION], "/message/1");
    }
    let (headers, body) = seen.lock().unwrap().remove(0);
    assert_eq!((headers["ttl"].as_bytes(), body.as_ref()), (b"60".as_slice(), b"payload".as_slice()));
    assert!(headers["user-agent"].to_str().unwrap().starts_with("Parlance/"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_statuses_are_told() {
    let inside = Site::start(INSIDE, |_| answer(200, "", b"")).await;
    let to = inside.url("/").to_string();
    let site = Site::start(OUTSIDE, move |path| match &path[1..] {
        "307" => answer(307, &format!("location: {to}\r\n"), b""),
        "302" => redirect(&to),
        "429" => answer(429, "retry-after: 30\r\n", b""),
        status => answer(status.parse().unwrap(), "", b""),
    })
    .await;
    let fetcher = fetcher(outside());
    for status in [302, 307, 400, 404, 410, 413] {
        let failure = send(&fetcher, &site.named("a.example", &format!("/{status}"))).await.unwrap_err();
        assert_eq!(failure, Failure::Rejected { status });
    }
    for (status, after) in [(429, Some(Duration::from_secs(30))), (500, None), (503, None)] {
        let failure = send(&fetcher, &site.named("a.example", &format!("/{status}"))).await.unwrap_err();
        assert_eq!(failure, Failure::Later { trouble: Trouble::Status(status), after });
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn nothing_is_posted_inside() {
    let inside = Site::start(INSIDE, |_| answer(200, "", b"")).await;
    let (lookup, _) = names(&[&[INSIDE]]);
    for url in [inside.url("/"), inside.named("inside.example", "/")] {
        let failure = send(&fetcher(lookup.clone()), &url).await.unwrap_err();
        assert_eq!(failure, Failure::Refused(Refusal::Address));
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn what_was_taken_is_taken_even_if_the_rest_of_the_answer_is_slow_or_large() {
    let site = Site::start(OUTSIDE, |path| match path {
        "/slow" => {
            Reply::Slowly("HTTP/1.1 202 x\r\ncontent-length: 100000\r\n\r\n".into(), vec![b'x'; 100_000])
        }
        "/silent" => Reply::Silence,
        _ => Reply::Endless("HTTP/1.1 202 x\r\n\r\n".into(), vec![b'x'; 65_536]),
    })
    .await;
    let settings = Settings { timeout: Duration::from_millis(500), max_bytes: 1000, ..Settings::default() };
    let fetcher = fetcher_with(outside(), settings);
    let slow = send(&fetcher, &site.named("a.example", "/slow")).await.unwrap();
    assert_eq!((slow.status, slow.body.len()), (202, 0));
    let large = send(&fetcher, &site.named("a.example", "/large")).await.unwrap();
    assert_eq!((large.status, large.body.len()), (202, 1000));
    let silent = send(&fetcher, &site.named("a.example", "/silent")).await.unwrap_err();
    assert_eq!(silent, Failure::Later { trouble: Trouble::TimedOut, after: None });
}
