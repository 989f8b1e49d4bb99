//! Real processes with the arguments, environment and configuration that the chart renders.

use std::path::Path;
use std::process::Command;

use super::is_wanted;
use crate::authorization::app_on;
use crate::prelude::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chart_renders_starts_and_serves() {
    if !is_wanted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../helm/tests");
    let mut render = Command::new("go");
    render.args(["run", "./cmd/render", "-o"]).arg(folder.path()).current_dir(tests);
    let output = tokio::task::block_in_place(|| render.output()).expect("go runs; scripts/test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // As the chart has it, but for what depends on the place: addresses, secrets, and a shorter drain.
    let options = Options::new().distributed().rendered_by_the_chart(folder.path());
    let mut server = Harness::start_with(options).await;
    let app = app_on(&server);
    let [alice, bob] = [app.user("alice").await, app.user("bob").await];
    let group = alice.group("production", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    alice.send(&group, "hello").await;
    listener.event(&bob.chat(&group), "message.new").await;
    assert!(server.terminate().await.success());
}
