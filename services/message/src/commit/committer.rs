use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::message::Message;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::batch;
use crate::service::Service;

/// A checked and permitted send on its way to its commit.
#[derive(Debug, Clone)]
pub struct Pending {
    pub app: Uuid,
    pub channel: Num,
    pub author: Num,
    pub text: String,
    pub attachments: Option<Vec<u8>>,
    pub mentions: Vec<Num>,
    pub custom: Option<String>,
    /// Its text has links whose previews are wanted.
    pub has_links: bool,
    /// Num and, if the client gave it, id of the thread parent.
    pub parent: Option<(Num, Option<String>)>,
    pub quoted: Option<(Num, Option<String>)>,
    /// A reply that is not announced to the channel.
    pub thread_only: bool,
    pub client_message_id: Option<String>,
    /// The id that the client would like.
    pub wanted_id: Option<String>,
    pub dedup_key: Option<String>,
    /// Policy version under which it was permitted.
    pub policy_version: i64,
    pub trace: String,
}

/// What became of a send.
#[derive(Debug)]
pub enum Outcome {
    Stored(Box<Message>),
    /// It had been sent before; the num of the first message.
    Repeated(Num),
    /// The channel's policy is newer than the permission.
    Outdated {
        policy_version: i64,
    },
    /// The channel's stream does not exist yet.
    UnknownChannel,
    Failed(Error),
}

/// The way to the next commit.
pub struct Committer {
    sends: mpsc::Sender<(Pending, oneshot::Sender<Outcome>)>,
}

pub type Sends = mpsc::Receiver<(Pending, oneshot::Sender<Outcome>)>;

impl Committer {
    pub fn new(max_waiting: usize) -> (Self, Sends) {
        let (sends, receiver) = mpsc::channel(max_waiting.max(1));
        (Self { sends }, receiver)
    }

    /// Stores a message; answers after the commit. Refuses at once if too many wait already.
    pub async fn commit(&self, send: Pending) -> Result<Outcome> {
        let (reply, outcome) = oneshot::channel();
        self.sends.try_send((send, reply)).map_err(|_| {
            Error::new(Reason::Overloaded, "too many messages wait to be stored")
                .with_retry_after(Duration::from_secs(1))
        })?;
        outcome.await.map_err(|_| Error::unavailable("the service is stopping"))
    }
}

/// Commits what arrives, everything that waits at once. No timer: a batch is what came during the
/// previous commit.
pub async fn commit_all(service: Arc<Service>, mut sends: Sends) {
    let max = service.settings.max_batch.clamp(1, 128);
    let mut waiting = Vec::with_capacity(max);
    loop {
        tokio::select! {
            biased;
            count = sends.recv_many(&mut waiting, max) => if count == 0 { return },
            () = service.stop.cancelled() => {
                // Whoever is already waiting still gets an answer.
                sends.close();
                if sends.recv_many(&mut waiting, max).await == 0 {
                    return;
                }
            }
        }
        service.announcer.room().await;
        metrics::gauge!("parlance_sends_waiting").set(sends.len() as f64);
        // Whoever has given up is not answered, so his message is better not stored.
        waiting.retain(|(_, reply)| !reply.is_closed());
        if waiting.is_empty() {
            continue;
        }
        metrics::histogram!("parlance_commit_batch_messages").record(waiting.len() as f64);
        let started = std::time::Instant::now();
        batch::commit(&service, std::mem::take(&mut waiting)).await;
        metrics::histogram!("parlance_commit_seconds").record(started.elapsed().as_secs_f64());
    }
}
