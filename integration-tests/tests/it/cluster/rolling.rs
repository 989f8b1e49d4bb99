//! A rolling restart of everything: SIGTERM, end, start, one process after the other.

use std::time::Instant;

use super::{Scene, is_wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_everything_loses_nothing() {
    if !is_wanted() {
        return;
    }
    let mut scene = Scene::start(Scene::options()).await;
    let nodes: Vec<(String, usize)> =
        scene.server.nodes().iter().map(|node| (node.role.clone(), node.index)).collect();
    for (role, index) in &nodes {
        let node = scene.server.node_mut(role, *index);
        node.begin_terminate();
        let status = node.ended().await;
        assert!(status.success(), "{role}-{index}: {status}; log:\n{}", node.log());
        scene.server.start_node(role, *index).await;
    }
    scene.judge("rolling restart of everything", Instant::now()).await.assert_good();
}
