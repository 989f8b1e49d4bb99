//! Questions of many, asked together.
//!
//! While one batch is being answered the next one gathers, so that ten thousand returning clients
//! cost a handful of calls and a single one does not wait.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Collects questions for one answerer.
pub struct Batcher<Q, A> {
    sender: mpsc::UnboundedSender<(Q, oneshot::Sender<A>)>,
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// Starts the task that asks. `answer` gets at most `most` questions and gives one answer per
    /// question, in order.
    pub fn start<F, Fut>(tasks: &TaskTracker, stop: &CancellationToken, most: usize, answer: F) -> Self
    where
        F: Fn(Vec<Q>) -> Fut + Send + 'static,
        Fut: Future<Output = Vec<A>> + Send,
    {
        let (sender, mut receiver) = mpsc::unbounded_channel::<(Q, oneshot::Sender<A>)>();
        let stop = stop.clone();
        tasks.spawn(async move {
            let mut waiting = Vec::new();
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    count = receiver.recv_many(&mut waiting, most) => if count == 0 { break },
                }
                let (questions, askers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                for (asker, answer) in askers.into_iter().zip(answer(questions).await) {
                    // One who has stopped waiting needs no answer.
                    let _ = asker.send(answer);
                }
            }
        });
        Self { sender }
    }

    /// The answer; `None` once the process stops.
    pub async fn ask(&self, question: Q) -> Option<A> {
        let (sender, receiver) = oneshot::channel();
        self.sender.send((question, sender)).ok()?;
        receiver.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_arrives_during_a_call_is_asked_together() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let batcher = {
            let (calls, gate) = (calls.clone(), gate.clone());
            Arc::new(Batcher::start(&tasks, &stop, 1000, move |questions: Vec<u32>| {
                let (calls, gate) = (calls.clone(), gate.clone());
                async move {
                    if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                        gate.notified().await;
                    }
                    questions.into_iter().map(|question| question * 2).collect()
                }
            }))
        };
        let asks: Vec<_> = (0..100)
            .map(|number| {
                let batcher = batcher.clone();
                tokio::spawn(async move { batcher.ask(number).await })
            })
            .collect();
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        for (number, ask) in asks.into_iter().enumerate() {
            assert_eq!(ask.await.unwrap(), Some(number as u32 * 2));
        }
        assert!(calls.load(Ordering::SeqCst) <= 3, "{calls:?}");
    }
}
