use std::sync::atomic::Ordering;

use parlance_fetch::{Failure, Get, Overflow, Refusal};

use crate::site::{INSIDE, OUTSIDE, Site, answer, fetcher, get, names, outside, page, redirect};

#[tokio::test]
async fn three_redirects_are_followed_and_not_a_fourth() {
    let listener = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::listen(listener, move |path| match path {
        "/5" => redirect("/4"),
        "/4" => redirect("/3"),
        "/3" => redirect("2"),
        "/2" => redirect(&format!("//b.example:{port}/end?x=1#part")),
        _ => page("there"),
    });
    let fetcher = fetcher(outside());
    let fetched = get(&fetcher, &site.named("a.example", "/4")).await.unwrap();
    assert_eq!(fetched.body, "there");
    assert_eq!(fetched.url, site.named("b.example", "/end?x=1#part"));
    assert_eq!(get(&fetcher, &site.named("a.example", "/5")).await.unwrap_err(), Failure::Redirects);
}

#[tokio::test]
async fn a_circle_ends() {
    let site = Site::start(OUTSIDE, |_| redirect("/")).await;
    assert_eq!(
        get(&fetcher(outside()), &site.named("a.example", "/")).await.unwrap_err(),
        Failure::Redirects
    );
    assert_eq!(site.connections(), 4);
}

#[tokio::test]
async fn a_redirect_inside_is_refused_however_it_is_written() {
    let inside = Site::start(INSIDE, |_| page("secret")).await;
    let port = inside.address.port();
    let places = [
        (format!("http://127.0.0.1:{port}/"), Refusal::Address),
        (format!("//127.1:{port}/"), Refusal::Address),
        (format!("http://2130706433:{port}/"), Refusal::Address),
        (format!("http://[::ffff:7f00:1]:{port}/"), Refusal::Address),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), Refusal::Address),
        (format!("http://inside.example:{port}/"), Refusal::Address),
        ("file:///etc/passwd".to_owned(), Refusal::Url),
        ("gopher://a.example:6379/_x".to_owned(), Refusal::Url),
        (format!("http://a:b@a.example:{port}/"), Refusal::Credentials),
        ("http://a.example:25/".to_owned(), Refusal::Port),
    ];
    for (place, refusal) in places {
        let to = place.clone();
        let site = Site::start(OUTSIDE, move |_| redirect(&to)).await;
        // The first name is public, the next is not.
        let (lookup, _) = names(&[&[OUTSIDE], &[INSIDE]]);
        let failure = get(&fetcher(lookup), &site.named("a.example", "/")).await.unwrap_err();
        assert_eq!(failure, Failure::Refused(refusal), "{place}");
        assert_eq!(site.connections(), 1);
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn each_redirect_is_looked_up_and_asked_about_anew() {
    let listener = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::listen(listener, move |path| match path {
        "/" => redirect(&format!("http://denied.example:{port}/x")),
        _ => page("there"),
    });
    let (lookup, asked) = names(&[&[OUTSIDE]]);
    let fetcher = fetcher(lookup);
    let url = site.named("a.example", "/");
    let may_open = |url: &url::Url| url.host_str() != Some("denied.example");
    let types = &["text/html"];
    let strict = Get { accept: "text/html", types, overflow: Overflow::Fail, may_open: &may_open };
    assert_eq!(fetcher.get(&url, &strict).await.unwrap_err(), Failure::Refused(Refusal::Rule));
    assert_eq!((site.connections(), asked.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(get(&fetcher, &url).await.unwrap().body, "there");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_no_answer() {
    for location in ["", "location: http://[\r\n", "location: http://\r\n", "location: \u{ff}\u{fe}\r\n"] {
        let site = Site::start(OUTSIDE, move |_| answer(302, location, b"")).await;
        let url = site.named("a.example", "/");
        assert_eq!(get(&fetcher(outside()), &url).await.unwrap_err(), Failure::Redirects, "{location}");
    }
}
