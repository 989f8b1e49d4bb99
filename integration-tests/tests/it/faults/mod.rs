//! What must not be lost when something breaks.

mod disk;
mod durability;
mod sigkill;
mod slow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parlance_integration_tests::checker::{Acknowledged, Evidence};

use crate::prelude::*;

/// Senders that send as fast as they are answered until they are stopped or the server dies.
pub struct Burst {
    stop: Arc<AtomicBool>,
    senders: Vec<tokio::task::JoinHandle<(Vec<String>, Vec<Acknowledged>)>>,
}

impl Burst {
    /// `users` all send into one channel, each with several connections.
    pub fn start(users: &[&User], channel: &str, senders: usize, prefix: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let senders = (0..senders)
            .map(|sender| {
                let (user, stop) = (users[sender % users.len()].to_rest().tolerant(), stop.clone());
                let (channel, prefix) = (channel.to_owned(), prefix.to_owned());
                tokio::spawn(async move {
                    let (mut attempted, mut acknowledged) = (Vec::new(), Vec::new());
                    while !stop.load(Ordering::Relaxed) {
                        let key = format!("{prefix}-{sender}-{}", attempted.len());
                        attempted.push(key.clone());
                        let body = json!({"text": key, "clientMsgId": key});
                        let path = format!("{}/messages", ch(&channel));
                        match user.try_request(Method::POST, &path, Some(&body)).await {
                            Ok(answer) if answer.status == 201 => acknowledged.push(Acknowledged {
                                sender,
                                key,
                                id: id(&answer.body),
                                seq: seq(&answer.body),
                            }),
                            // Refused while stopping, or the connection broke: the server goes.
                            Ok(_) | Err(_) => break,
                        }
                    }
                    (attempted, acknowledged)
                })
            })
            .collect();
        Self { stop, senders }
    }

    /// Lets it run for a while.
    pub async fn run_for(&self, time: Duration) {
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
