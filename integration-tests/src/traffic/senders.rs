use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::checker::Acknowledged;
use crate::rest::{Answer, User};

/// How long a send is repeated before its sender goes on with the next.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time that one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(15);

/// What became of the sends of a run.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Keys of all sends that were begun.
    pub attempted: Vec<String>,
    /// In the order of each sender, and when.
    pub acknowledged: Vec<(Acknowledged, Instant)>,
    /// Refusals: when, and how.
    pub refused: Vec<(Instant, Refusal)>,
    /// Acknowledged as a repeat: an earlier attempt had been stored.
    pub repeated: usize,
}

/// Why an attempt was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 503 `SERVICE_UNAVAILABLE` with `Retry-After`: clear.
    Clear,
    /// The connection could not be made or broke.
    Broken,
    /// No answer within 15 s.
    Unanswered,
    /// Anything else, in words.
    Unclear(String),
}

/// Senders at a steady rate, each one send after the other, with a client's id: what is not
/// acknowledged is repeated (through the next gateway) until it is.
pub struct Senders {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Sent>>,
}

impl Senders {
    /// One sender for each of `users`, all into `channel`, each `per_second` times a second.
    pub fn start(users: &[&User], channel: &str, per_second: f64, prefix: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = users
            .iter()
            .enumerate()
            .map(|(sender, user)| {
                let sender = Sender {
                    number: sender,
                    user: (*user).clone(),
                    path: format!("/api/channels/{channel}/messages"),
                    prefix: prefix.to_owned(),
                    pause: Duration::from_secs_f64(1.0 / per_second),
                    stop: stop.clone(),
                };
                tokio::spawn(sender.run())
            })
            .collect();
        Self { stop, tasks }
    }

    /// Ends after the sends that are under way.
    pub async fn stop(self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Sent::default();
        for task in self.tasks {
            all.join(task.await.expect("a sender does not panic"));
        }
        all
    }
}

impl Sent {
    /// Adds what became of other sends.
    pub fn join(&mut self, other: Self) {
        self.attempted.extend(other.attempted);
        self.acknowledged.extend(other.acknowledged);
        self.refused.extend(other.refused);
        self.repeated += other.repeated;
    }
}

struct Sender {
    number: usize,
    user: User,
    path: String,
    prefix: String,
    pause: Duration,
    stop: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self) -> Sent {
        let mut sent = Sent::default();
        let mut tick = tokio::time::interval(self.pause);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let rest = self.user.to_rest().tolerant();
        while !self.stop.load(Ordering::Relaxed) {
            tick.tick().await;
            let key = format!("{}-{}-{}", self.prefix, self.number, sent.attempted.len());
            sent.attempted.push(key.clone());
            let body = json!({"text": key, "clientMsgId": key});
            let begun = Instant::now();
            loop {
                let attempt = rest.try_request(Method::POST, &self.path, Some(&body));
                let refusal = match tokio::time::timeout(ATTEMPT, attempt).await {
                    Ok(Ok(answer)) if answer.is_success() => {
                        sent.repeated += usize::from(answer.status == 200);
                        sent.acknowledged.push((self.acknowledged(key, &answer), Instant::now()));
                        break;
                    }
                    Ok(Ok(answer)) => refusal(&answer),
                    Ok(Err(_)) => Refusal::Broken,
                    Err(_) => Refusal::Unanswered,
                };
                sent.refused.push((Instant::now(), refusal));
                if begun.elapsed() > PATIENCE {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        sent
    }

    fn acknowledged(&self, key: String, answer: &Answer) -> Acknowledged {
        let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
        let seq = answer.body["seq"].as_u64().unwrap_or_default();
        Acknowledged { sender: self.number, key, id, seq }
    }
}

fn refusal(answer: &Answer) -> Refusal {
    let code = answer.body["error"]["code"].as_str().unwrap_or_default();
    if answer.status == 503 && code == "SERVICE_UNAVAILABLE" && answer.header("retry-after").is_some() {
        Refusal::Clear
    } else {
        Refusal::Unclear(format!("{} {code}: {}", answer.status, answer.text))
    }
}
