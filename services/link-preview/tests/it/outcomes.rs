use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, header};
use parlance_core::{Caller, Error, Reason};
use parlance_link_preview::Settings;
use parlance_proto::link_preview::ResolveRequest;
use parlance_proto::link_preview::resolve_response::Outcome;
use parlance_rpc::Context;

use crate::fixture::{APP, service, service_with, settings};
use crate::web::{Web, answer, page, redirect};

#[tokio::test]
async fn pages_that_are_not_there_or_say_nothing_are_nothing() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/untitled" => page("<meta property='og:image' content='i.png'><meta name=description content=x>"),
        "/blank" => page("<title> \n &nbsp; </title>"),
        "/empty" => page(""),
        "/png" => answer(200, "image/png", b"\x89PNG<title>x</title>"),
        "/json" => answer(200, "application/json", b"{\"title\":1}"),
        "/pdf" => answer(200, "application/pdf", b"%PDF"),
        "/untyped" => Response::builder().body(Body::from("<title>x</title>")).unwrap(),
        "/garbage" => answer(200, "text/html", &[0xff, 0x00, b'<', 0xfe, b'<', b'!', 0x80]),
        "/circle" => redirect("/circle"),
        "/lost" => Response::builder().status(301).body(Body::empty()).unwrap(),
        status => answer(status[1..].parse().unwrap(), "text/html", b"<title>Error</title>"),
    })
    .await;
    let service = service().await;
    for path in [
        "/untitled",
        "/blank",
        "/empty",
        "/png",
        "/json",
        "/pdf",
        "/untyped",
        "/garbage",
        "/circle",
        "/lost",
        "/400",
        "/401",
        "/403",
        "/404",
        "/410",
        "/451",
    ] {
        let response = service.resolve(&web.url(path)).await;
        assert_eq!(response.outcome(), Outcome::Nothing, "{path}");
        assert_eq!((response.preview, response.retry_after_s), (None, 0));
    }
}

#[tokio::test]
async fn sites_that_cannot_answer_now_are_for_later() {
    let web = Web::start(async |path: String| {
        let mut response = answer(path[1..4].parse().unwrap(), "text/html", b"<title>Busy</title>");
        if path.ends_with("asks") {
            response.headers_mut().insert(header::RETRY_AFTER, "120".parse().unwrap());
        }
        response
    })
    .await;
    let service = service().await;
    for (path, wait) in [("/500", 0), ("/502", 0), ("/503-asks", 120), ("/429", 0), ("/429-asks", 120)] {
        let response = service.resolve(&web.url(path)).await;
        assert_eq!((response.outcome(), response.retry_after_s), (Outcome::Later, wait), "{path}");
    }
    // Nobody listens there, and there is no such name.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(service.outcome(&format!("http://{closed}/")).await, Outcome::Later);
    assert_eq!(service.outcome("http://name.invalid/").await, Outcome::Later);
}

#[tokio::test]
async fn a_site_that_does_not_answer_in_time_is_for_later() {
    let web = Web::start(async |_| std::future::pending().await).await;
    let service = service_with(Settings { timeout_s: 1, ..settings() }).await;
    assert_eq!(service.outcome(&web.url("/")).await, Outcome::Later);
}

#[tokio::test]
async fn a_page_whose_oembed_does_not_answer_is_shown_in_time() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/oembed" => std::future::pending().await,
        _ => page("<title>T</title><link rel=alternate type=application/json+oembed href=/oembed>"),
    })
    .await;
    let service = service_with(Settings { timeout_s: 1, ..settings() }).await;
    assert_eq!(service.preview(&web.url("/")).await.title, "T");
}

#[tokio::test]
async fn internal_addresses_are_refused_and_not_reached() {
    let web = Web::page("<title>Secret</title>").await;
    let service = service_with(Settings::default()).await;
    let port = web.port;
    for url in [
        web.url("/"),
        web.named("/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "https://user:password@8.8.8.8/".to_owned(),
        "http://8.8.8.8:22/".to_owned(),
    ] {
        assert_eq!(service.outcome(&url).await, Outcome::Refused, "{url}");
    }
    assert!(web.requests().is_empty());
}

#[tokio::test]
async fn what_is_no_link_is_an_error_of_the_caller() {
    let service = service().await;
    for url in [
        "",
        "example.com",
        "/path",
        "ftp://a.example/",
        "javascript:alert(1)",
        "http://",
        &format!("http://a.example/{}", "x".repeat(2048)),
    ] {
        let request = Context::new(Caller::service(APP)).request(ResolveRequest { url: url.to_owned() });
        let error = Error::from(service.client.clone().resolve(request).await.unwrap_err());
        assert_eq!((error.reason, error.field.as_deref()), (Reason::InvalidArgument, Some("url")), "{url}");
    }
}

#[tokio::test]
async fn a_host_that_is_asked_too_much_is_for_later_and_others_are_not_held_up() {
    let slow = Web::start(async |_| std::future::pending().await).await;
    let quick = Web::page("<title>Quick</title>").await;
    let limits = Settings { max_in_flight_per_host: 1, max_in_flight: 2, timeout_s: 60, ..settings() };
    let service = service_with(limits).await;
    let (first, waiting) = (slow.named("/1"), slow.named("/2"));
    let first = service.resolve(&first);
    let rest = async {
        parlance_testkit::wait_until("the first request", async || slow.requests().len(), |&n| n == 1).await;
        let response = service.resolve(&waiting).await;
        assert_eq!((response.outcome(), response.retry_after_s), (Outcome::Later, 1));
        assert_eq!(service.preview(&quick.url("/")).await.title, "Quick");
        assert_eq!(slow.requests(), ["/1"]);
        // The service stops: what is under way ends, too.
        service.stop.cancel();
        service.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), service.tasks.wait()).await.unwrap();
    };
    let (first, ()) = tokio::join!(first, rest);
    assert_eq!(first.outcome(), Outcome::Later);
}
