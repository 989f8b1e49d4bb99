//! centrifugo.md §3: slow consumers and connection limits.

use crate::prelude::*;

#[tokio::test]
async fn too_many_connections_are_told_to_come_back_later() {
    let options = Options::new().with("realtime.max_connections", 2).with_replicas("gateway", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let first = Realtime::connect(&server, &alice).await;
    let _second = Realtime::connect(&server, &alice).await;
    let mut refused = false;
    if let Ok(third) = Realtime::try_open(&server.realtime_url(), Encoding::Json).await {
        third.send_token(&alice.ws_token).await;
        let outcome = third
            .wait_until("an answer", |state| {
                let error = state.reply(1).and_then(|reply| reply.error.clone()).map(|error| error.code);
                error.or(state.close.as_ref().map(|close| u32::from(close.code)))
            })
            .await;
        // Temporary, so that clients try again: error 111, or a code that says reconnect.
        assert!(outcome == 111 || (3000..3500).contains(&outcome), "{outcome}");
        refused = true;
    }
    drop(first);
    eventually("a place is free again", || async {
        match Realtime::try_open(&server.realtime_url(), Encoding::Json).await {
            Err(error) => Err(error.to_string()),
            Ok(client) => {
                client.send_token(&alice.ws_token).await;
                let open = client.wait_until("an answer", |state| {
                    state
                        .reply(1)
                        .map(|reply| reply.connect.is_some())
                        .or(state.close.as_ref().map(|_| false))
                });
                if open.await { Ok(()) } else { Err("refused".to_owned()) }
            }
        }
    })
    .await;
    let _ = refused;
}
