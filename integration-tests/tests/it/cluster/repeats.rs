//! A repeated send finds the first one, through another gateway, on another replica, after SIGKILL.

use super::is_wanted;
use crate::prelude::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_on_another_replica_and_after_sigkill_is_the_first_message() {
    if !is_wanted() {
        return;
    }
    let mut server = Harness::start_with(Options::new().distributed()).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let by_id = json!({"text": "once", "clientMsgId": "one"});
    let first = alice.send_body(&group, &by_id).await.created();
    let by_key = alice.to_rest().with_header("Idempotency-Key", "two");
    let path = format!("{}/messages", ch(&group));
    let second = by_key.post(&path, &json!({"text": "twice"})).await.created();

    // The replica that the channel belongs to goes: the other one answers.
    for replica in [0, 1] {
        server.node_mut("message", replica).kill();
        let again = alice.send_body(&group, &by_id).await.ok();
        assert_eq!(
            (id(&again), &again["duplicate"]),
            (id(&first), &json!(true)),
            "without message-{replica}"
        );
        let again = by_key.post(&path, &json!({"text": "twice"})).await.ok();
        assert_eq!(id(&again), id(&second), "without message-{replica}");
        server.start_node("message", replica).await;
    }
    assert_eq!(alice.texts(&group).await, ["once", "twice"]);
}
