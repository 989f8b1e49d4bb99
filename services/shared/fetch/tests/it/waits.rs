use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_fetch::{Failure, Lookup, Settings, Trouble};
use tokio::net::TcpListener;
use url::Url;

use crate::site::{OUTSIDE, Reply, Site, answer, fetcher, fetcher_with, get, outside, redirect};

const TIMED_OUT: Failure = Failure::Later { trouble: Trouble::TimedOut, after: None };
const LIMIT: Duration = Duration::from_millis(500);

fn hasty(lookup: Lookup) -> parlance_fetch::Fetcher {
    fetcher_with(lookup, Settings { timeout: LIMIT, ..Settings::default() })
}

async fn ends_in_time(fetcher: &parlance_fetch::Fetcher, url: &Url) {
    let started = Instant::now();
    assert_eq!(get(fetcher, url).await.unwrap_err(), TIMED_OUT, "{url}");
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_silence_end_with_the_time_out() {
    let slowly = |start: &str| Reply::Slowly(start.into(), vec![b'x'; 100_000]);
    let head = "HTTP/1.1 200 x\r\ncontent-type: text/html\r\n\r\n";
    let gzip = "HTTP/1.1 200 x\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\n\r\n";
    let replies = [
        Reply::Silence,
        slowly("HTTP/1.1 200 "),
        slowly("HTTP/1.1 200 x\r\nx-header: "),
        slowly(head),
        // Every byte is progress to somebody who counts bytes.
        Reply::Slowly(gzip.into(), [b"\x1f\x8b\x08\x10\0\0\0\0\0\0".as_slice(), &[b'c'; 100_000]].concat()),
    ];
    for reply in replies {
        let site = Site::start(OUTSIDE, move |_| reply.clone()).await;
        ends_in_time(&hasty(outside()), &site.named("a.example", "/")).await;
    }
}

#[tokio::test]
async fn the_time_counts_for_all_redirects_together() {
    let site = Site::start(OUTSIDE, |path| match path {
        "/end" => Reply::Silence,
        _ => redirect("/end"),
    })
    .await;
    ends_in_time(&hasty(outside()), &site.named("a.example", "/")).await;
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_and_a_server_that_does_not_accept_end_with_the_time_out() {
    let silent: Lookup = Arc::new(|_| Box::pin(std::future::pending()));
    ends_in_time(&hasty(silent), &Url::parse("http://a.example/").unwrap()).await;

    // TLS is never begun.
    let listener = TcpListener::bind((OUTSIDE, 0)).await.unwrap();
    let url = format!("https://a.example:{}/", listener.local_addr().unwrap().port());
    ends_in_time(&hasty(outside()), &Url::parse(&url).unwrap()).await;
}

#[tokio::test]
async fn statuses_say_whether_to_come_again_and_when() {
    let site = Site::start(OUTSIDE, |path| {
        let (status, headers) = path[1..].split_once('/').unwrap();
        let headers = match headers {
            "" => "",
            "seconds" => "retry-after: 7\r\n",
            "date" => "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:30:00 GMT\r\n",
            other => panic!("{other}"),
        };
        answer(status.parse().unwrap(), headers, b"no")
    })
    .await;
    let fetcher = fetcher(outside());
    let fetch = async |path: &str| get(&fetcher, &site.named("a.example", path)).await.unwrap_err();
    for status in [400, 401, 403, 404, 410, 451, 304, 300] {
        assert_eq!(fetch(&format!("/{status}/")).await, Failure::Rejected { status });
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let trouble = Trouble::Status(status);
        assert_eq!(fetch(&format!("/{status}/")).await, Failure::Later { trouble, after: None });
        let after = Some(Duration::from_secs(7));
        assert_eq!(fetch(&format!("/{status}/seconds")).await, Failure::Later { trouble, after });
        let after = Some(Duration::from_secs(120));
        assert_eq!(fetch(&format!("/{status}/date")).await, Failure::Later { trouble, after });
    }
}
