use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use parlance_fetch::{Failure, Overflow, Settings, Trouble};

use crate::site::{OUTSIDE, Reply, Site, answer, fetcher, fetcher_with, get, get_as, outside, page};

const MEGABYTE: usize = 1024 * 1024;
const UNREACHABLE: Failure = Failure::Later { trouble: Trouble::Unreachable, after: None };

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_of_the_limit_is_read_and_one_byte_more_is_too_large() {
    let site = Site::start(OUTSIDE, |path| page(&"x".repeat(path[1..].parse().unwrap()))).await;
    let fetcher = fetcher(outside());
    let fit = site.named("a.example", &format!("/{MEGABYTE}"));
    assert_eq!(get(&fetcher, &fit).await.unwrap().body.len(), MEGABYTE);
    let large = site.named("a.example", &format!("/{}", MEGABYTE + 1));
    assert_eq!(get(&fetcher, &large).await.unwrap_err(), Failure::TooLarge);
    assert_eq!(get_as(&fetcher, &large, Overflow::Cut).await.unwrap().body.len(), MEGABYTE);
}

#[tokio::test]
async fn an_endless_body_is_given_up_at_the_limit() {
    let site = Site::start(OUTSIDE, |_| {
        Reply::Endless(b"HTTP/1.1 200 x\r\ncontent-type: text/html\r\n\r\n".to_vec(), vec![b'x'; 65_536])
    })
    .await;
    let (fetcher, url) = (fetcher(outside()), site.named("a.example", "/"));
    assert_eq!(get(&fetcher, &url).await.unwrap_err(), Failure::TooLarge);
    assert_eq!(get_as(&fetcher, &url, Overflow::Cut).await.unwrap().body.len(), MEGABYTE);
    // What the sockets of two connections hold comes on top.
    assert!(site.written() < 40 * MEGABYTE, "{} bytes were sent", site.written());
}

#[tokio::test]
async fn a_gzip_bomb_is_unpacked_no_further_than_the_limit() {
    // Blocks of a stream of zeros that never ends: a kilobyte is a megabyte.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; MEGABYTE]).unwrap();
    encoder.flush().unwrap();
    let start = encoder.get_ref().clone();
    encoder.write_all(&vec![0; 4 * MEGABYTE]).unwrap();
    encoder.flush().unwrap();
    let more = encoder.get_ref()[start.len()..].to_vec();
    let head = b"HTTP/1.1 200 x\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
    let site =
        Site::start(OUTSIDE, move |_| Reply::Endless([head.clone(), start.clone()].concat(), more.clone()))
            .await;
    let (fetcher, url) = (fetcher(outside()), site.named("a.example", "/"));
    let before = resident();
    for _ in 0..2 {
        assert_eq!(get(&fetcher, &url).await.unwrap_err(), Failure::TooLarge);
        assert_eq!(get_as(&fetcher, &url, Overflow::Cut).await.unwrap().body.len(), MEGABYTE);
    }
    let grown = resident().saturating_sub(before);
    // Unpacked, what the site is ready to send has no end.
    assert!(grown < 32 * MEGABYTE, "memory grew by {grown} bytes");
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn compressed_pages_are_unpacked_and_what_we_cannot_unpack_is_not_read() {
    let site = Site::start(OUTSIDE, |path| match path {
        "/gzip" => answer(200, "content-type: text/html\r\ncontent-encoding: gzip\r\n", &gzip(b"packed")),
        "/plain" => answer(200, "content-type: text/html\r\ncontent-encoding: identity\r\n", b"plain"),
        "/twice" => {
            answer(200, "content-type: text/html\r\ncontent-encoding: gzip, gzip\r\n", &gzip(&gzip(b"x")))
        }
        "/broken" => answer(200, "content-type: text/html\r\ncontent-encoding: gzip\r\n", b"not gzip at all"),
        _ => answer(200, "content-type: text/html\r\ncontent-encoding: br\r\n", b"x"),
    })
    .await;
    let fetcher = fetcher(outside());
    let fetch = async |path: &str| get(&fetcher, &site.named("a.example", path)).await;
    assert_eq!(fetch("/gzip").await.unwrap().body, "packed");
    assert_eq!(fetch("/plain").await.unwrap().body, "plain");
    for packed in ["/br", "/twice"] {
        assert_eq!(fetch(packed).await.unwrap_err(), Failure::WrongType, "{packed}");
    }
    assert_eq!(fetch("/broken").await.unwrap_err(), UNREACHABLE);
}

#[tokio::test]
async fn other_types_are_not_read() {
    for kind in [
        "",
        "content-type: image/png\r\n",
        "content-type: text/htmlx\r\n",
        "content-type: application/json\r\n",
    ] {
        let site = Site::start(OUTSIDE, move |_| {
            let head = format!("HTTP/1.1 200 x\r\n{kind}\r\n");
            Reply::Endless(head.into_bytes(), vec![0; 65_536])
        })
        .await;
        let url = site.named("a.example", "/");
        assert_eq!(get(&fetcher(outside()), &url).await.unwrap_err(), Failure::WrongType, "{kind}");
        assert!(site.written() < 20 * MEGABYTE, "{} bytes were sent", site.written());
    }
    let site =
        Site::start(OUTSIDE, |_| answer(200, "content-type: Text/HTML;charset=\"KOI8-R\"\r\n", b"x")).await;
    let fetched = get(&fetcher(outside()), &site.named("a.example", "/")).await.unwrap();
    assert_eq!(fetched.content_type.charset.as_deref(), Some("KOI8-R"));
}

#[tokio::test]
async fn an_answer_that_is_not_http_or_breaks_off_is_a_failure_of_the_site() {
    for bytes in [
        "",
        "hello\r\n\r\n",
        "HTTP/9.9 x\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 x\r\ncontent-type: text/html\r\ncontent-length: 10\r\n\r\nshort",
        "HTTP/1.1 200 x\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
    ] {
        let site = Site::start(OUTSIDE, move |_| Reply::Bytes(bytes.into())).await;
        let url = site.named("a.example", "/");
        assert_eq!(get(&fetcher(outside()), &url).await.unwrap_err(), UNREACHABLE, "{bytes}");
    }
}

#[tokio::test]
async fn headers_without_end_are_not_read() {
    let site =
        Site::start(OUTSIDE, |_| Reply::Endless(b"HTTP/1.1 200 x\r\n".to_vec(), b"a: b\r\n".repeat(1000)))
            .await;
    let url = site.named("a.example", "/");
    let fetcher = fetcher_with(outside(), Settings::default());
    assert_eq!(get(&fetcher, &url).await.unwrap_err(), UNREACHABLE);
    assert!(site.written() < 20 * MEGABYTE, "{} bytes were sent", site.written());
}
