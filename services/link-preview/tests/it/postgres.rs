use std::sync::Arc;

use parlance_core::ManualClock;
use parlance_proto::link_preview::Settings as Rules;
use parlance_testkit::postgres_store;

use crate::fixture::{APP, START, Service, hosts, open_rules, settings};

#[tokio::test]
async fn replicas_that_write_rules_at_once_leave_one_of_them_whole() {
    let Some(store) = postgres_store(parlance_link_preview::migrate).await else { return };
    let clock = Arc::new(ManualClock::at(START));
    let first = Service::on(&store, clock.clone(), settings()).await;
    let second = Service::on(&store, clock, settings()).await;
    for round in 0..10 {
        let of = |name: &str| {
            let name = format!("{name}{round}.example");
            Rules { allowed_hosts: hosts(&[&name]), denied_hosts: hosts(&[&name]), ..open_rules() }
        };
        let (one, two) = tokio::join!(first.set_rules(APP, of("a")), second.set_rules(APP, of("b")));
        assert_eq!((one.unwrap(), two.unwrap()), (of("a"), of("b")));
        let kept = first.rules(APP).await;
        assert!(kept == of("a") || kept == of("b"), "{kept:?}");
        assert_eq!(second.rules(APP).await, kept);
    }
    store.remove().await;
}
