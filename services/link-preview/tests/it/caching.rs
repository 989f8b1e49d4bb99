use std::sync::Arc;
use std::time::Duration;

use parlance_core::Caller;
use parlance_link_preview::Settings;
use parlance_proto::link_preview::ResolveRequest;
use parlance_proto::link_preview::resolve_response::Outcome;
use parlance_rpc::Context;
use parlance_testkit::wait_until;
use tokio::sync::Semaphore;

use crate::fixture::{APP, OTHER_APP, open_rules, service, service_with, settings};
use crate::web::{Web, answer, page};

#[tokio::test]
async fn twenty_who_ask_at_once_share_one_request() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let web = Web::start(move |_| {
        let closed = closed.clone();
        async move {
            closed.acquire().await.unwrap().forget();
            page("<title>One</title>")
        }
    })
    .await;
    let service = service().await;
    let asking: Vec<_> = (0..20)
        .map(|n| {
            let (mut client, url) = (service.client.clone(), web.url(&format!("/page#{n}")));
            let request = Context::new(Caller::service(APP)).request(ResolveRequest { url });
            tokio::spawn(async move { client.resolve(request).await.unwrap().into_inner() })
        })
        .collect();
    wait_until("all to ask", async || service.tasks.len(), |&asking| asking == 20).await;
    gate.add_permits(20);
    for (n, response) in asking.into_iter().enumerate() {
        let preview = response.await.unwrap().preview.unwrap();
        assert_eq!((preview.title.as_str(), preview.url), ("One", web.url(&format!("/page#{n}"))));
    }
    assert_eq!(web.requests().len(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_end_what_he_began() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let web = Web::start(move |_| {
        let closed = closed.clone();
        async move {
            closed.acquire().await.unwrap().forget();
            page("<title>T</title>")
        }
    })
    .await;
    let service = service().await;
    let url = web.url("/");
    tokio::select! {
        _ = service.resolve(&url) => panic!("the site has not answered"),
        _ = wait_until("the request", async || web.requests().len(), |&n| n == 1) => {}
    }
    gate.add_permits(1);
    assert_eq!(service.preview(&url).await.title, "T");
    assert_eq!(web.requests().len(), 1);
}

#[tokio::test]
async fn what_was_found_is_kept_for_an_hour_and_what_was_not_for_shorter() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/found" => page("<title>T</title>"),
        "/busy" => {
            let mut response = answer(429, "text/html", b"");
            response.headers_mut().insert("retry-after", "3000".parse().unwrap());
            response
        }
        status => answer(status[1..].parse().unwrap(), "text/html", b""),
    })
    .await;
    let service = service().await;
    for (path, outcome, seconds) in [
        ("/found", Outcome::Found, 3600),
        ("/404", Outcome::Nothing, 600),
        ("/500", Outcome::Later, 10),
        ("/busy", Outcome::Later, 60),
    ] {
        let url = web.url(path);
        let count = || web.requests().iter().filter(|asked| *asked == path).count();
        assert_eq!(service.outcome(&url).await, outcome);
        service.clock.advance(Duration::from_secs(seconds - 1));
        assert_eq!(service.outcome(&url).await, outcome);
        assert_eq!(count(), 1, "{path} is known");
        service.clock.advance(Duration::from_secs(2));
        assert_eq!(service.outcome(&url).await, outcome);
        assert_eq!(count(), 2, "{path} is asked for anew");
    }
}

#[tokio::test]
async fn apps_do_not_learn_what_others_have_opened_and_new_rules_begin_anew() {
    let web = Web::page("<title>T</title>").await;
    let service = service().await;
    let url = web.url("/");
    for _ in 0..2 {
        service.resolve_of(APP, &url).await;
        service.resolve_of(OTHER_APP, &url).await;
    }
    assert_eq!(web.requests().len(), 2);
    service.set_rules(APP, open_rules()).await.unwrap();
    service.resolve_of(APP, &url).await;
    service.resolve_of(OTHER_APP, &url).await;
    assert_eq!(web.requests().len(), 3);
}

#[tokio::test]
async fn nothing_is_kept_if_the_settings_say_so() {
    let web = Web::page("<title>T</title>").await;
    let service = service_with(Settings { cache_s: 0, ..settings() }).await;
    for _ in 0..3 {
        assert_eq!(service.outcome(&web.url("/")).await, Outcome::Found);
    }
    assert_eq!(web.requests().len(), 3);
}
