//! Clients that change gateways.

use std::time::{Duration, Instant};

use super::{Scene, is_wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_moves_between_gateways_recovers_everything() {
    if !is_wanted() {
        return;
    }
    let scene = Scene::start(Scene::options()).await;
    for _ in 0..5 {
        scene.pass(Duration::from_millis(700)).await;
        for follower in &scene.followers {
            follower.move_on();
        }
    }
    let chat = scene.followers[0].seen(&format!("chat:{}:{}", crate::prelude::DEV_APP, scene.channels[0]));
    assert!(chat.connections > 1, "the follower has moved");
    scene.judge("clients move between two gateways", Instant::now()).await.assert_good();
}
