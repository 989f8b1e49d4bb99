//! Versions N and N−1 side by side: one replica of each role runs the binary that `PARLANCE_PREVIOUS_BIN`
//! names, the other one this version; then the old ones are replaced.

use std::time::Instant;

use super::{Scene, is_wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_n_and_n_minus_1_serve_side_by_side() {
    if !is_wanted() {
        return;
    }
    let Some(previous) = std::env::var_os("PARLANCE_PREVIOUS_BIN") else {
        println!("skipped: PARLANCE_PREVIOUS_BIN names no binary of the version before");
        return;
    };
    let roles = ["auth", "channel", "presence", "message", "gateway"];
    let mut options = Scene::options();
    for role in roles {
        options = options.with_replicas(role, 2).with_binary(role, 0, &previous);
    }
    let mut scene = Scene::start(options).await;
    scene.server.use_own_binary();
    for role in roles {
        let node = scene.server.node_mut(role, 0);
        node.begin_terminate();
        assert!(node.ended().await.success());
        scene.server.start_node(role, 0).await;
    }
    scene.judge("N and N-1 side by side, then replaced", Instant::now()).await.assert_good();
}
