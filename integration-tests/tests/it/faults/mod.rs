//! What must not be lost when something breaks.

mod disk;
mod durability;
mod sigkill;
mod slow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parlance_integration_tests::checker::{Acknowledged, Evidence};

use crate::prelude::*;

/// Senders that send as fast as they are answered until they are stopped or the server dies.
pub struct Burst {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    senders: Vec<tokio::task::JoinHandle<(Vec<String>, Vec<Acknowledged>)>>,
}

impl Burst {
    /// `users` all send into one channel, each with several connections.
    pub fn start(users: &[&User], channel: &str, senders: usize, prefix: &str) -> Self {
        let (stop, so_far) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let senders = (0..senders)
            .map(|sender| {
                let (user, stop) = (users[sender % users.len()].to_rest().tolerant(), stop.clone());
                let so_far = so_far.clone();
                let (channel, prefix) = (channel.to_owned(), prefix.to_owned());
                tokio::spawn(async move {
                    let (mut attempted, mut acknowledged) = (Vec::new(), Vec::new());
                    while !stop.load(Ordering::Relaxed) {
                        let key = format!("{prefix}-{sender}-{}", attempted.len());
                        attempted.push(key.clone());
                        let body = json!({"text": key, "clientMsgId": key});
                        let path = format!("{}/messages", ch(&channel));
                        match user.try_request(Method::POST, &path, Some(&body)).await {
                            Ok(answer) if answer.status == 201 => {
                                so_far.fetch_add(1, Ordering::Relaxed);
                                let (id, seq) = (id(&answer.body), seq(&answer.body));
                                acknowledged.push(Acknowledged { sender, key, id, seq });
                            }
                            // Refused while stopping, or the connection broke: the server goes.
                            Ok(_) | Err(_) => break,
                        }
                    }
                    (attempted, acknowledged)
                })
            })
            .collect();
        Self { stop, acknowledged: so_far, senders }
    }

    /// Lets it run until `count` sends are acknowledged, however long the machine takes for them, and then for
    /// another `time`.
    pub async fn run(&self, count: usize, time: Duration) {
        eventually("sends are acknowledged", async || {
            let so_far = self.acknowledged.load(Ordering::Relaxed);
            if so_far >= count { Ok(()) } else { Err(so_far) }
        })
        .await;
        tokio::time::sleep(time).await;
    }

    /// What was tried and what was acknowledged, once all senders have ended.
    pub async fn evidence(self) -> Evidence {
        self.stop.store(true, Ordering::Relaxed);
        let mut evidence = Evidence::default();
        for sender in self.senders {
            let (attempted, acknowledged) = sender.await.unwrap();
            evidence.attempted.extend(attempted);
            evidence.acknowledged.extend(acknowledged);
        }
        evidence
    }
}
