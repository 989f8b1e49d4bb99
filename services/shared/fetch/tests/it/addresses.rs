use std::sync::atomic::Ordering;

use parlance_fetch::{Failure, Fetcher, Refusal, Settings, Trouble};
use tokio::net::TcpListener;
use url::Url;

use crate::site::{INSIDE, OUTSIDE, Site, fetcher, get, names, outside, page};

/// Two servers on one port: a public one and an internal one.
async fn neighbours() -> (Site, Site) {
    loop {
        let outside = TcpListener::bind((OUTSIDE, 0)).await.unwrap();
        let port = outside.local_addr().unwrap().port();
        if let Ok(inside) = TcpListener::bind((INSIDE, port)).await {
            return (Site::listen(outside, |_| page("public")), Site::listen(inside, |_| page("secret")));
        }
    }
}

#[tokio::test]
async fn no_spelling_of_an_internal_address_reaches_it() {
    let inside = Site::start(INSIDE, |_| page("secret")).await;
    let public = Fetcher::new(Settings::default()).unwrap();
    let port = inside.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "0",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        assert_eq!(get(&public, &url).await.unwrap_err(), Failure::Refused(Refusal::Address), "{host}");
        let posted = public.post(&url, Default::default(), "x".into()).await;
        assert_eq!(posted.unwrap_err(), Failure::Refused(Refusal::Address), "{host}");
    }
    assert_eq!(inside.connections(), 0);
    // The server is there; only the rule keeps us away.
    let anything = Fetcher::new(Settings { allow_private_networks: true, ..Settings::default() }).unwrap();
    assert_eq!(get(&anything, &inside.url("/")).await.unwrap().body, "secret");
}

#[tokio::test]
async fn names_of_this_machine_are_resolved_and_refused_like_addresses() {
    let inside = Site::start(INSIDE, |_| page("secret")).await;
    let url = inside.named("localhost", "/");
    let public = Fetcher::new(Settings::default()).unwrap();
    assert_eq!(get(&public, &url).await.unwrap_err(), Failure::Refused(Refusal::Address));
    assert_eq!(inside.connections(), 0);
    let anything = Fetcher::new(Settings { allow_private_networks: true, ..Settings::default() }).unwrap();
    assert_eq!(get(&anything, &url).await.unwrap().body, "secret");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_whatever_kind_of_address_it_gives() {
    let inside = Site::start(INSIDE, |_| page("secret")).await;
    for address in [
        INSIDE,
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "fc00::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "192.0.2.1",
        "2001:db8::1",
        "198.18.0.1",
        "240.0.0.1",
    ] {
        let (lookup, asked) = names(&[&[address]]);
        let failure = get(&fetcher(lookup), &inside.named("rebind.example", "/")).await.unwrap_err();
        assert_eq!(failure, Failure::Refused(Refusal::Address), "{address}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked_even_if_the_name_changes() {
    let (public, inside) = neighbours().await;
    let url = public.named("rebind.example", "/");
    // Public when it is looked up first, internal ever after.
    let (lookup, asked) = names(&[&[OUTSIDE], &[INSIDE]]);
    let fetcher = fetcher(lookup);
    assert_eq!(get(&fetcher, &url).await.unwrap().body, "public");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one look for one connection");
    assert_eq!(get(&fetcher, &url).await.unwrap_err(), Failure::Refused(Refusal::Address));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!((public.connections(), inside.connections()), (1, 0));
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_tried() {
    let (public, inside) = neighbours().await;
    let url = public.named("both.example", "/");
    for answer in [&[INSIDE, OUTSIDE], &[OUTSIDE, INSIDE]] {
        let (lookup, _) = names(&[answer]);
        assert_eq!(get(&fetcher(lookup), &url).await.unwrap().body, "public");
    }
    // The public server is away: no other is asked in its place.
    let url = Site::start(INSIDE, |_| page("secret")).await.named("both.example", "/");
    let (lookup, _) = names(&[&[OUTSIDE, INSIDE]]);
    let failure = get(&fetcher(lookup), &url).await.unwrap_err();
    assert_eq!(failure, Failure::Later { trouble: Trouble::Unreachable, after: None });
    assert_eq!((public.connections(), inside.connections()), (2, 0));
}

#[tokio::test]
async fn a_name_without_an_address_may_have_one_later() {
    let later = Failure::Later { trouble: Trouble::Name, after: None };
    let url = Url::parse("http://nowhere.example/").unwrap();
    for (lookup, _) in [names(&[]), names(&[&[]])] {
        assert_eq!(get(&fetcher(lookup), &url).await.unwrap_err(), later);
    }
}

#[tokio::test]
async fn what_is_no_web_address_is_not_even_looked_up() {
    let (lookup, asked) = names(&[&[OUTSIDE]]);
    let fetcher = fetcher(lookup);
    for (url, refusal) in [
        ("ftp://a.example/", Refusal::Url),
        ("file:///etc/passwd", Refusal::Url),
        ("http://user:password@a.example/", Refusal::Credentials),
        ("http://a.example:22/", Refusal::Port),
        ("http://a.example:25/", Refusal::Port),
    ] {
        assert_eq!(
            get(&fetcher, &Url::parse(url).unwrap()).await.unwrap_err(),
            Failure::Refused(refusal),
            "{url}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_request_says_who_asks_and_nothing_else() {
    let site = Site::start(OUTSIDE, |_| page("")).await;
    get(&fetcher(outside()), &site.named("a.example", "/path?q=1#fragment")).await.unwrap();
    let head = site.heads().remove(0).to_lowercase();
    assert!(head.starts_with("get /path?q=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nuser-agent: parlance/"), "{head}");
    assert!(head.contains("\r\naccept: text/html\r\n"), "{head}");
    for unwanted in ["cookie", "authorization", "referer", "fragment"] {
        assert!(!head.contains(unwanted), "{head}");
    }
}
