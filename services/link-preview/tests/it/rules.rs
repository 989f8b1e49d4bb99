use std::time::Duration;

use parlance_core::Reason;
use parlance_link_preview::Settings;
use parlance_proto::link_preview::Settings as Rules;
use parlance_proto::link_preview::resolve_response::Outcome;

use crate::fixture::{APP, OTHER_APP, Service, hosts, open_rules, service, service_with, settings};
use crate::web::{Web, page, redirect};

#[tokio::test]
async fn an_app_that_never_wrote_rules_opens_all_links() {
    let service = service().await;
    assert_eq!(service.rules(APP).await, open_rules());
}

#[tokio::test]
async fn rules_are_kept_as_they_were_written_and_for_the_app_alone() {
    let service = service().await;
    let written = Rules {
        enabled: false,
        allowed_hosts: hosts(&["Example.COM.", "b.example", "example.com", "bücher.example"]),
        denied_hosts: hosts(&["10.0.0.1"]),
    };
    let kept = Rules {
        enabled: false,
        allowed_hosts: hosts(&["example.com", "b.example", "xn--bcher-kva.example"]),
        denied_hosts: hosts(&["10.0.0.1"]),
    };
    assert_eq!(service.set_rules(APP, written).await.unwrap(), kept);
    assert_eq!(service.rules(APP).await, kept);
    assert_eq!(service.rules(OTHER_APP).await, open_rules());
    assert_eq!(service.set_rules(APP, open_rules()).await.unwrap(), open_rules());
    assert_eq!(service.rules(APP).await, open_rules());
}

#[tokio::test]
async fn wrong_hosts_are_refused_and_change_nothing() {
    let service = service().await;
    let rules = Rules { denied_hosts: hosts(&["a.example"]), ..open_rules() };
    service.set_rules(APP, rules.clone()).await.unwrap();
    for wrong in ["", "https://a.example", "a.example/path", "a.example:80", "*.a.example", "a b"] {
        let error = service.set_rules(APP, Rules { allowed_hosts: hosts(&[wrong]), ..open_rules() }).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.reason, error.field.as_deref()),
            (Reason::InvalidArgument, Some("allowed_hosts")),
            "{wrong}"
        );
        let error = service
            .set_rules(APP, Rules { denied_hosts: hosts(&["b.example", wrong]), ..open_rules() })
            .await;
        assert_eq!(error.unwrap_err().field.as_deref(), Some("denied_hosts"), "{wrong}");
    }
    let many = (0..1001).map(|n| format!("h{n}.example")).collect();
    let error = service.set_rules(APP, Rules { denied_hosts: many, ..open_rules() }).await.unwrap_err();
    assert_eq!(error.reason, Reason::InvalidArgument);
    assert_eq!(service.rules(APP).await, rules);
}

#[tokio::test]
async fn a_switched_off_app_opens_nothing_and_others_do() {
    let web = Web::page("<title>T</title>").await;
    let service = service().await;
    let url = web.url("/");
    assert_eq!(service.outcome(&url).await, Outcome::Found);
    service.set_rules(APP, Rules { enabled: false, ..open_rules() }).await.unwrap();
    assert_eq!(service.outcome(&url).await, Outcome::Refused);
    assert_eq!(service.resolve_of(OTHER_APP, &url).await.outcome(), Outcome::Found);
    service.set_rules(APP, open_rules()).await.unwrap();
    assert_eq!(service.outcome(&url).await, Outcome::Found);
}

#[tokio::test]
async fn nothing_is_opened_while_the_installation_switches_it_off() {
    let web = Web::page("<title>T</title>").await;
    let service = service_with(Settings { enabled: false, ..settings() }).await;
    assert_eq!(service.outcome(&web.url("/")).await, Outcome::Refused);
    assert!(web.requests().is_empty());
}

#[tokio::test]
async fn only_allowed_hosts_are_opened_and_denied_ones_never() {
    let web = Web::page("<title>T</title>").await;
    let service = service().await;
    let set = async |allowed: &[&str], denied: &[&str]| {
        let rules = Rules { enabled: true, allowed_hosts: hosts(allowed), denied_hosts: hosts(denied) };
        service.set_rules(APP, rules).await.unwrap();
        [service.outcome(&web.named("/")).await, service.outcome(&web.url("/")).await]
    };
    assert_eq!(set(&["localhost"], &[]).await, [Outcome::Found, Outcome::Refused]);
    assert_eq!(set(&["other.example"], &[]).await, [Outcome::Refused, Outcome::Refused]);
    assert_eq!(set(&[], &["localhost"]).await, [Outcome::Refused, Outcome::Found]);
    assert_eq!(set(&["localhost", "127.0.0.1"], &["127.0.0.1"]).await, [Outcome::Found, Outcome::Refused]);
    assert_eq!(service.outcome("https://youtu.be/dQw4w9WgXcQ").await, Outcome::Refused);
}

#[tokio::test]
async fn a_redirect_and_an_oembed_to_a_denied_host_are_not_followed() {
    let denied = Web::page("<title>Denied</title>").await;
    let place = denied.named("/x");
    let web = Web::start(move |path| {
        let answer = match path.as_str() {
            "/redirect" => redirect(&place),
            _ => page(&format!(
                "<title>T</title><link rel=alternate type=application/json+oembed href={place}>"
            )),
        };
        std::future::ready(answer)
    })
    .await;
    let service = service().await;
    service.set_rules(APP, Rules { denied_hosts: hosts(&["localhost"]), ..open_rules() }).await.unwrap();
    assert_eq!(service.outcome(&web.url("/redirect")).await, Outcome::Refused);
    assert_eq!(service.preview(&web.url("/page")).await.title, "T");
    assert!(denied.requests().is_empty());
}

#[tokio::test]
async fn another_replica_follows_within_a_minute() {
    let web = Web::page("<title>T</title>").await;
    let store = parlance_testkit::temp_store(parlance_link_preview::migrate).await;
    let clock = std::sync::Arc::new(parlance_core::ManualClock::at(crate::fixture::START));
    let first = Service::on(&store, clock.clone(), settings()).await;
    let second = Service::on(&store, clock.clone(), settings()).await;
    let url = web.url("/");
    assert_eq!(second.outcome(&url).await, Outcome::Found);
    first.set_rules(APP, Rules { enabled: false, ..open_rules() }).await.unwrap();
    assert_eq!(first.outcome(&url).await, Outcome::Refused);
    clock.advance(Duration::from_secs(60));
    assert_eq!(second.outcome(&url).await, Outcome::Refused);
}
