//! Listening: one task knows which topics are wanted in this process and which ear hears each; it
//! sends out new ears where one was lost, and then says what may have been missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use parlance_redis::{Node, Push, Redis, backoff};
use tokio::sync::{mpsc, oneshot};

use super::codec::{Names, decode};
use super::ear::{self, Order};
use super::sequence::{Place, Sequences};
use crate::Topic;
use crate::fanout::Fanout;

/// What the receiver is asked or told.
pub(super) enum Ask {
    /// Answered once the topic is heard, or at once if Redis is known to be away. `new` = the
    /// subscriber did not listen to it before.
    Listen {
        topic: Topic,
        new: bool,
        heard: oneshot::Sender<()>,
    },
    Leave(Topic),
    /// An ear has got topics, each with the number of the order.
    Heard {
        ear: u64,
        topics: Vec<(Topic, u64)>,
    },
    /// An ear has come to its end.
    Lost {
        ear: u64,
    },
    /// The pause before a new attempt is over.
    Look,
    /// The nodes of topics that nobody hears, where they are known.
    Placed(Vec<(Topic, Option<Arc<Node>>)>),
}

struct Receiver {
    redis: Redis,
    names: Names,
    fanout: Arc<Fanout>,
    /// To itself.
    asks: mpsc::WeakUnboundedSender<Ask>,
    wanted: HashMap<Topic, Wanted>,
    /// By the address of their node.
    ears: HashMap<String, Ear>,
    /// The wanted topics by their names.
    named: Arc<RwLock<HashMap<String, Topic>>>,
    sequences: Arc<Mutex<Sequences>>,
    /// The last number given to an ear or an order.
    last_number: u64,
    /// Losses and vain looks since something was last heard.
    failures: u32,
    /// A look for nodes is under way.
    placing: bool,
}

struct Wanted {
    subscribers: usize,
    place: Where,
    /// Something may have been missed that must be told of once it is heard (again).
    missed: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Nowhere,
    Ordered { ear: u64, order: u64 },
    Heard { ear: u64 },
}

impl Where {
    fn ear(self) -> Option<u64> {
        match self {
            Self::Nowhere => None,
            Self::Ordered { ear, .. } | Self::Heard { ear } => Some(ear),
        }
    }
}

struct Ear {
    number: u64,
    orders: mpsc::UnboundedSender<Order>,
}

/// Runs until nobody can ask any longer.
pub(super) fn start(redis: Redis, names: Names, fanout: Arc<Fanout>) -> mpsc::UnboundedSender<Ask> {
    let (asks, mut asked) = mpsc::unbounded_channel();
    let mut receiver = Receiver {
        redis,
        names,
        fanout,
        asks: asks.downgrade(),
        wanted: HashMap::new(),
        ears: HashMap::new(),
        named: Arc::default(),
        sequences: Arc::default(),
        last_number: 0,
        failures: 0,
        placing: false,
    };
    tokio::spawn(async move {
        while let Some(ask) = asked.recv().await {
            receiver.answer(ask);
        }
    });
    asks
}

impl Receiver {
    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Listen { topic, new, heard } => self.listen(topic, new, heard),
            Ask::Leave(topic) => self.leave(topic),
            Ask::Heard { ear, topics } => self.heard(ear, topics),
            Ask::Lost { ear } => self.lost(ear),
            Ask::Look => self.look(),
            Ask::Placed(places) => self.placed(places),
        }
    }

    fn listen(&mut self, topic: Topic, new: bool, heard: oneshot::Sender<()>) {
        let away = self.failures > 0;
        let wanted = self.wanted.entry(topic).or_insert_with(|| {
            self.named.write().insert(self.names.of(topic), topic);
            Wanted { subscribers: 0, place: Where::Nowhere, missed: false, waiting: Vec::new() }
        });
        wanted.subscribers += usize::from(new);
        match wanted.place {
            Where::Heard { .. } => drop(heard.send(())),
            _ if away => {
                wanted.missed = true;
                let _ = heard.send(());
            }
            _ => wanted.waiting.push(heard),
        }
        if wanted.place == Where::Nowhere {
            self.place();
        }
    }

    fn leave(&mut self, topic: Topic) {
        let Some(wanted) = self.wanted.get_mut(&topic) else { return };
        wanted.subscribers = wanted.subscribers.saturating_sub(1);
        if wanted.subscribers > 0 {
            return;
        }
        if let Some(ear) = wanted.place.ear()
            && let Some(ear) = self.ears.values().find(|one| one.number == ear)
        {
            let _ = ear.orders.send(Order::Leave(topic));
        }
        self.wanted.remove(&topic);
        self.named.write().remove(&self.names.of(topic));
        self.sequences.lock().forget(topic);
    }

    /// Looks for the nodes of topics that nobody hears, after a pause if that has just failed.
    fn place(&mut self) {
        if self.placing {
            return;
        }
        if self.wanted.is_empty() {
            // Nothing failed that still matters.
            self.failures = 0;
        }
        // What is ordered is not heard yet: the failures count on until it is.
        if self.unheard().next().is_none() {
            return;
        }
        self.placing = true;
        let (redis, asks, failures) = (self.redis.clone(), self.asks.clone(), self.failures);
        if failures == 0 {
            return self.look();
        }
        tokio::spawn(async move {
            tokio::time::sleep(backoff(failures)).await;
            let _ = redis.relocate().await;
            if let Some(asks) = asks.upgrade() {
                let _ = asks.send(Ask::Look);
            }
        });
    }

    fn look(&self) {
        let (redis, asks) = (self.redis.clone(), self.asks.clone());
        let unheard: Vec<_> = self.unheard().map(|topic| (topic, self.names.of(topic))).collect();
        tokio::spawn(async move {
            let places = unheard.into_iter().map(|(topic, name)| {
                let redis = &redis;
                async move { (topic, redis.node(&name).await.ok()) }
            });
            let places = join_all(places).await;
            if let Some(asks) = asks.upgrade() {
                let _ = asks.send(Ask::Placed(places));
            }
        });
    }

    fn unheard(&self) -> impl Iterator<Item = Topic> {
        self.wanted.iter().filter(|(_, wanted)| wanted.place == Where::Nowhere).map(|(topic, _)| *topic)
    }

    fn placed(&mut self, places: Vec<(Topic, Option<Arc<Node>>)>) {
        self.placing = false;
        let mut homeless = false;
        for (topic, node) in places {
            let unheard = self.wanted.get(&topic).is_some_and(|wanted| wanted.place == Where::Nowhere);
            match node {
                Some(node) if unheard => {
                    let place = self.order(node, topic);
                    if let Some(wanted) = self.wanted.get_mut(&topic) {
                        wanted.place = place;
                    }
                }
                None if unheard => homeless = true,
                _ => {}
            }
        }
        if homeless {
            self.failed();
            self.give_up_waiting();
        }
        // Others may have come meanwhile.
        self.place();
    }

    /// Orders the topic from the node's ear, sent out if there is none.
    fn order(&mut self, node: Arc<Node>, topic: Topic) -> Where {
        let address = node.address().to_owned();
        if !self.ears.contains_key(&address) {
            let number = self.number();
            let (orders, receiver) = mpsc::unbounded_channel();
            let hear = self.hear(number);
            tokio::spawn(ear::run(number, node, self.names.clone(), receiver, hear, self.asks.clone()));
            self.ears.insert(address.clone(), Ear { number, orders });
        }
        let order = self.number();
        let ear = &self.ears[&address];
        let _ = ear.orders.send(Order::Hear(topic, order));
        Where::Ordered { ear: ear.number, order }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// What an ear does with what it hears: hand it to the subscribers, with word of what is missing.
    fn hear(&self, ear: u64) -> impl Fn(Push) + Send + Sync + 'static {
        let (fanout, sequences, asks) = (self.fanout.clone(), self.sequences.clone(), self.asks.clone());
        let named = self.named.clone();
        move |push| match push {
            Push::Lost => {
                if let Some(asks) = asks.upgrade() {
                    let _ = asks.send(Ask::Lost { ear });
                }
            }
            Push::Message { topic, payload } => {
                let Some(topic) = named.read().get(&topic).copied() else { return };
                metrics::counter!("parlance_bus_received_bytes_total").increment(payload.len() as u64);
                let Some(travelled) = decode(&payload) else {
                    tracing::warn!("the bus carries something that is no message");
                    return;
                };
                let place =
                    sequences.lock().place(topic, travelled.publisher, travelled.sequence, Instant::now());
                match place {
                    Place::Past => return,
                    Place::AfterHole => fanout.lag(&[topic]),
                    Place::Next => {}
                }
                if let Some(message) = travelled.message {
                    fanout.deliver(&[(topic, message)]);
                }
            }
        }
    }

    fn heard(&mut self, ear: u64, topics: Vec<(Topic, u64)>) {
        if std::mem::take(&mut self.failures) > 0 {
            metrics::counter!("parlance_bus_reconnects_total").increment(1);
            tracing::info!("the bus hears Redis again");
        }
        let mut missed = Vec::new();
        for (topic, order) in topics {
            let Some(wanted) = self.wanted.get_mut(&topic) else { continue };
            // An answer to an order that is no longer the last one says nothing.
            if wanted.place != (Where::Ordered { ear, order }) {
                continue;
            }
            wanted.place = Where::Heard { ear };
            for waiting in wanted.waiting.drain(..) {
                // Whoever did not wait so long believes that he listens.
                wanted.missed |= waiting.send(()).is_err();
            }
            if std::mem::take(&mut wanted.missed) {
                missed.push(topic);
            }
        }
        if !missed.is_empty() {
            self.fanout.lag(&missed);
        }
    }

    fn lost(&mut self, ear: u64) {
        let before = self.ears.len();
        self.ears.retain(|_, one| one.number != ear);
        if self.ears.len() == before {
            return;
        }
        self.failed();
        let mut sequences = self.sequences.lock();
        for (topic, wanted) in self.wanted.iter_mut().filter(|(_, wanted)| wanted.place.ear() == Some(ear)) {
            wanted.place = Where::Nowhere;
            sequences.forget(*topic);
        }
        drop(sequences);
        self.give_up_waiting();
        self.place();
    }

    /// Counts a failure; says so once, until Redis is heard again.
    fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!("the bus does not hear Redis");
        }
    }

    /// Lets those go who wait for topics that nobody hears.
    fn give_up_waiting(&mut self) {
        for wanted in self.wanted.values_mut().filter(|wanted| wanted.place == Where::Nowhere) {
            wanted.missed = true;
            for waiting in wanted.waiting.drain(..) {
                let _ = waiting.send(());
            }
        }
    }
}
