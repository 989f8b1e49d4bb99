//! A push service that notes what it is given and answers as the test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use parlance_core::Error;
use parlance_notification::ProviderFactory;
use parlance_notification::providers::{Outcome, Provider, Push, Target};
use parlance_proto::notification::ProviderKind;
use serde_json::{Map, Value};
use tokio::sync::Barrier;
use uuid::Uuid;

/// A push that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub kind: ProviderKind,
    pub push: Push,
    pub target: Target,
    pub outcome: Outcome,
}

type Answer = dyn Fn(&Push, &Target) -> Outcome + Send + Sync;
/// Kind, settings, secrets.
pub type Built = (ProviderKind, Map<String, Value>, Map<String, Value>);
type Receipts = dyn Fn(&str) -> Option<Outcome> + Send + Sync;

/// All push services of all apps of a test.
#[derive(Clone)]
pub struct Recorder {
    tried: Arc<Mutex<Vec<Tried>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
    receipts: Arc<Mutex<Arc<Receipts>>>,
    built: Arc<Mutex<Vec<Built>>>,
    /// Tokens that a call hangs at.
    hanging: Arc<Mutex<Vec<String>>>,
    /// Ids of deliveries that hang.
    hung: Arc<Mutex<Vec<Uuid>>>,
    /// Whether asking for receipts hangs.
    receipts_hang: Arc<AtomicBool>,
    /// How many farewells must be under way for one to end.
    together: Arc<Mutex<Arc<Barrier>>>,
    /// Users whom Novu was told to forget.
    forgotten: Arc<Mutex<Vec<String>>>,
}

impl Default for Recorder {
    fn default() -> Self {
        let taken: Arc<Answer> = Arc::new(|_, _| Outcome::Taken { receipt: None });
        let unknown: Arc<Receipts> = Arc::new(|_| None);
        Self {
            tried: Arc::default(),
            answer: Arc::new(Mutex::new(taken)),
            receipts: Arc::new(Mutex::new(unknown)),
            built: Arc::default(),
            hanging: Arc::default(),
            hung: Arc::default(),
            receipts_hang: Arc::default(),
            together: Arc::new(Mutex::new(Arc::new(Barrier::new(1)))),
            forgotten: Arc::default(),
        }
    }
}

impl Recorder {
    /// From now on answers like this.
    pub fn answers(&self, answer: impl Fn(&Push, &Target) -> Outcome + Send + Sync + 'static) {
        *self.answer.lock() = Arc::new(answer);
    }

    pub fn answers_receipts(&self, answer: impl Fn(&str) -> Option<Outcome> + Send + Sync + 'static) {
        *self.receipts.lock() = Arc::new(answer);
    }

    /// From now on calls with these tokens never end; none = no calls hang any more.
    pub fn hang_at(&self, tokens: &[&str]) {
        *self.hanging.lock() = tokens.iter().map(|token| (*token).to_owned()).collect();
    }

    /// From now on asking for receipts never ends.
    pub fn hang_at_receipts(&self) {
        self.receipts_hang.store(true, Ordering::SeqCst);
    }

    /// From now on farewells end only when so many are under way.
    pub fn farewells_wait_for(&self, count: usize) {
        *self.together.lock() = Arc::new(Barrier::new(count));
    }

    /// Ids of deliveries whose calls hang.
    pub fn hung(&self) -> Vec<Uuid> {
        self.hung.lock().clone()
    }

    pub fn forgotten(&self) -> Vec<String> {
        self.forgotten.lock().clone()
    }

    pub fn tried(&self) -> Vec<Tried> {
        self.tried.lock().clone()
    }

    /// What was taken, in order.
    pub fn taken(&self) -> Vec<Tried> {
        let mut tried = self.tried();
        tried.retain(|one| matches!(one.outcome, Outcome::Taken { .. }));
        tried
    }

    /// Settings and secrets that push services were built with.
    pub fn built(&self) -> Vec<Built> {
        self.built.lock().clone()
    }

    pub fn factory(&self) -> ProviderFactory {
        let recorder = self.clone();
        Arc::new(move |kind, settings, secrets| {
            if settings.contains_key("wrong") {
                return Err(Error::invalid("settings", "are wrong"));
            }
            recorder.built.lock().push((kind, settings.clone(), secrets.clone()));
            Ok(Arc::new(Recording { kind, recorder: recorder.clone() }))
        })
    }
}

struct Recording {
    kind: ProviderKind,
    recorder: Recorder,
}

#[async_trait::async_trait]
impl Provider for Recording {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let answer = self.recorder.answer.lock().clone();
        let mut outcomes = Vec::new();
        for (push, target) in pushes {
            if self.recorder.hanging.lock().contains(&target.token) {
                self.recorder.hung.lock().push(push.id);
                std::future::pending::<()>().await;
            }
            let outcome = answer(push, target);
            let (kind, push, target) = (self.kind, push.clone(), target.clone());
            self.recorder.tried.lock().push(Tried { kind, push, target, outcome: outcome.clone() });
            outcomes.push(outcome);
        }
        outcomes
    }

    fn batch(&self) -> usize {
        10
    }

    async fn preferences(&self, _: Uuid, user_id: &str) -> Option<Value> {
        (self.kind == ProviderKind::Novu).then(|| serde_json::json!({ "of": user_id }))
    }

    async fn forget(&self, _: Uuid, user_id: &str) -> Outcome {
        let together = self.recorder.together.lock().clone();
        together.wait().await;
        self.recorder.forgotten.lock().push(user_id.to_owned());
        Outcome::Taken { receipt: None }
    }

    async fn receipts(&self, receipts: &[String]) -> Vec<Option<Outcome>> {
        if self.recorder.receipts_hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let answer = self.recorder.receipts.lock().clone();
        receipts.iter().map(|receipt| answer(receipt)).collect()
    }
}
