//! The bus over a cluster of three nodes.

use parlance_bus::Topic;
use parlance_testkit::RedisCluster;

use crate::conformance::{event, next_event, over};
use crate::faults::{heard_again, lagged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_all_nodes_are_heard_and_a_lost_node_is_told_and_healed() {
    let Some(mut cluster) = RedisCluster::start() else { return };
    let pair = over(&cluster.url(), "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    for number in 0..64 {
        heard.topics().listen(Topic::Stream(number)).await.unwrap();
    }
    let messages = (0..64).map(|number| (Topic::Stream(number), event(number.into())));
    pair.one.publish(messages.collect()).await.unwrap();
    let mut arrived = Vec::new();
    for _ in 0..64 {
        arrived.push(next_event(&mut heard).await.1);
    }
    arrived.sort_unstable();
    assert!(arrived.into_iter().eq(0..64));
    pair.one.probe().await.unwrap();

    for index in 0..3 {
        cluster.nodes()[index].restart();
        lagged(&mut heard).await;
    }
    for number in 0..64 {
        heard_again(&*pair.one, &mut heard, Topic::Stream(number), 100).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_known_by_any_one_of_its_nodes() {
    let Some(mut cluster) = RedisCluster::start() else { return };
    let url = cluster.nodes()[0].url();
    let pair = over(&url, "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    for number in 0..64 {
        heard.topics().listen(Topic::Stream(number)).await.unwrap();
    }
    for number in 0..64 {
        pair.one.publish(vec![(Topic::Stream(number), event(number.into()))]).await.unwrap();
        assert_eq!(next_event(&mut heard).await, (Topic::Stream(number), number.into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_move_to_another_node_are_heard_there() {
    let Some(cluster) = RedisCluster::start() else { return };
    let pair = over(&cluster.url(), "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    for number in 0..64 {
        heard.topics().listen(Topic::Stream(number)).await.unwrap();
    }
    cluster.move_slots(1500);
    lagged(&mut heard).await;
    for number in 0..64 {
        heard_again(&*pair.one, &mut heard, Topic::Stream(number), 100).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_a_dead_master_are_heard_from_its_replica() {
    let Some(mut cluster) = RedisCluster::start_with_replicas(1) else { return };
    let pair = over(&cluster.url(), "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    for number in 0..64 {
        heard.topics().listen(Topic::Stream(number)).await.unwrap();
    }
    cluster.nodes()[0].kill();
    lagged(&mut heard).await;
    for number in 0..64 {
        heard_again(&*pair.one, &mut heard, Topic::Stream(number), 100).await;
    }
    pair.one.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_of_all_buses_passes_on_a_cluster() {
    use crate::conformance as suite;
    let Some(cluster) = RedisCluster::start() else { return };
    let pair = |prefix| over(&cluster.url(), prefix);
    suite::only_heard_topics_arrive_and_in_order(pair("a")).await;
    suite::calls_at_the_same_time_keep_their_own_order_and_lose_nothing(pair("b")).await;
    suite::listening_counts_and_ends_with_the_last_leave(pair("c")).await;
    suite::each_subscription_hears_for_itself(pair("d")).await;
    suite::both_processes_hear_each_other_and_themselves(pair("e")).await;
    suite::events_wakes_and_heads_arrive_unchanged(pair("f")).await;
    suite::the_probe_makes_a_round_trip_each_time(pair("g")).await;
}
