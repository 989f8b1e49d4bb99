//! kill -9 of each role in turn; a dead replica's work is taken over by others.

use std::time::{Duration, Instant};

use super::{Scene, is_wanted};

/// How long a killed process stays away.
const AWAY: Duration = Duration::from_secs(3);

/// The only replica, or one of several.
async fn kill(role: &str, replicas: usize) {
    if !is_wanted() {
        return;
    }
    let mut scene = Scene::start(Scene::options().with_replicas(role, replicas)).await;
    scene.server.node_mut(role, 0).kill();
    scene.pass(AWAY).await;
    scene.server.start_node(role, 0).await;
    let healed = Instant::now();
    scene.judge(&format!("kill -9 {role}, of {replicas}"), healed).await.assert_good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_killed() {
    kill("auth", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_auth_replicas_killed() {
    kill("auth", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channel_killed() {
    kill("channel", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_channel_replicas_killed() {
    kill("channel", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_killed() {
    kill("presence", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_presence_replicas_killed() {
    kill("presence", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_message_replicas_killed() {
    kill("message", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_gateways_killed() {
    kill("gateway", 2).await;
}

/// The other replica goes on alone; what the dead one had committed but not announced is swept up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_replica_killed_for_good() {
    if !is_wanted() {
        return;
    }
    let mut scene = Scene::start(Scene::options().with_replicas("message", 3)).await;
    scene.server.node_mut("message", 1).kill();
    let healed = Instant::now();
    scene.pass(AWAY).await;
    scene.judge("kill -9 message, of 3, for good", healed).await.assert_good();
}
