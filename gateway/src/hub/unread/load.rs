//! Loading counts, and listening to the channels that they are of.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_bus::Topic;
use parlance_core::Num;

use super::counts::Base;
use super::heard::Heard as Entries;
use super::order::{Heard, Loaded, Order};
use super::task::Counting;
use super::users::Hearing;

/// Pause before a failed load is repeated, on average.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause before counts are asked for again that could not be brought up to date, on average.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
/// Channels that the bus is asked for at once.
const LISTENED_AT_ONCE: usize = 1000;

/// Channels to listen to: one batch at a time.
#[derive(Default)]
pub struct Listening {
    wanted: Vec<Num>,
    under_way: bool,
    /// After a failure.
    not_before: Option<Instant>,
}

impl Listening {
    /// When there is something to do, if nothing else happens.
    pub fn due(&self) -> Option<Instant> {
        self.not_before.filter(|_| !self.under_way && !self.wanted.is_empty())
    }
}

impl Counting {
    /// Loads a user's counts, in the background. His place in the line is taken.
    pub fn load(&mut self, num: Num) {
        let Some(user) = self.users.get(&num) else {
            // Whoever leaves is taken out of the line.
            self.line.returned();
            self.line.leave(num);
            return;
        };
        let (app, generation) = (user.app, user.generation);
        let (edge, orders) = (self.edge.clone(), self.orders.clone());
        self.edge.tasks().spawn(async move {
            let asked_at = Instant::now();
            let result = edge.hub().loads().unread(app, num).await;
            // Fails only while stopping.
            let _ = orders.send(Order::Loaded(Loaded { user: num, generation, asked_at, result }));
        });
    }

    pub fn loaded(&mut self, Loaded { user: num, generation, asked_at, result }: Loaded) {
        self.line.returned();
        let Some(user) = self.users.get_mut(&num).filter(|user| user.generation == generation) else {
            return;
        };
        let again = self.line.finish(num);
        let loaded = match result {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::debug!(%error, "unread counts cannot be loaded for now");
                return self.line.rest(num, user.rank(), Instant::now() + jittered(PAUSE));
            }
        };
        // Counts are exact only if the channel's events were heard before they were asked for.
        let (mut trustworthy, mut outdated) = (true, false);
        for one in &loaded {
            let channel = self.channels.entry(one.channel_num).or_default();
            channel.users.insert(num);
            if channel.hearing == Hearing::No {
                channel.hearing = Hearing::Asked;
                self.listening.wanted.push(one.channel_num);
            }
            if channel.covers(asked_at) {
                channel.entries.start(one.as_of_offset);
                channel.log.start(one.as_of_offset);
            }
            let exact = channel.covers(asked_at) && channel.log.reaches(one.as_of_offset);
            trustworthy &= exact;
            // Of what is not heard yet, everybody is loaded once it is.
            outdated |= channel.is_heard() && !exact;
            let base = Base {
                unread: one.unread,
                last_read_seq: one.last_read_seq,
                as_of: one.as_of_offset,
                muted: one.muted,
            };
            if user.counts.set(one.channel_num, num, &base, &channel.log, self.muted_count) {
                user.changed.insert(one.channel_num);
            }
        }
        let kept: HashSet<Num> = loaded.iter().map(|one| one.channel_num).collect();
        let gone: Vec<Num> = user.counts.channels().filter(|channel| !kept.contains(channel)).collect();
        for channel in &gone {
            user.counts.remove(*channel, self.muted_count);
            user.changed.remove(channel);
        }
        if trustworthy && !user.ready {
            user.ready = true;
            // Whoever waits gets everything; nobody has got anything before.
            user.changed.clear();
        }
        let (ready, rank) = (user.ready, user.rank());
        gone.into_iter().for_each(|channel| self.part(channel, num));
        if ready {
            self.dirty.insert(num);
            self.greet(num);
        }
        if again {
            self.line.ask(num, rank);
        } else if outdated {
            self.line.rest(num, rank, Instant::now() + jittered(SHORT_PAUSE));
        }
    }

    /// Has users loaded, if they are counted for.
    pub fn ask(&mut self, users: impl IntoIterator<Item = Num>) {
        for num in users {
            if let Some(user) = self.users.get(&num) {
                self.line.ask(num, user.rank());
            }
        }
    }

    /// Something was lost: what has been heard is of no use, and everybody is loaded.
    pub fn reload(&mut self) {
        let now = Instant::now();
        for channel in self.channels.values_mut() {
            channel.log.forget();
            channel.entries = Entries::default();
            if channel.is_heard() {
                channel.hearing = Hearing::Since(now);
            }
        }
        let users: Vec<Num> = self.users.keys().copied().collect();
        self.ask(users);
    }

    /// Listens to the next channels, in the background.
    pub fn listen(&mut self, now: Instant) {
        let Listening { wanted, under_way, not_before } = &mut self.listening;
        if *under_way || wanted.is_empty() || not_before.is_some_and(|at| now < at) {
            return;
        }
        let batch: Vec<Num> = wanted.drain(..wanted.len().min(LISTENED_AT_ONCE)).collect();
        (*under_way, *not_before) = (true, None);
        let (edge, orders) = (self.edge.clone(), self.orders.clone());
        self.edge.tasks().spawn(async move {
            let topics = &edge.hub().running().topics;
            let results = join_all(batch.iter().map(|&channel| topics.listen(Topic::chat(channel)))).await;
            let (mut channels, mut failed) = (Vec::new(), Vec::new());
            for (channel, result) in batch.into_iter().zip(results) {
                if result.is_ok() { channels.push(channel) } else { failed.push(channel) }
            }
            // Fails only while stopping.
            let _ = orders.send(Order::Heard(Heard { channels, failed }));
        });
    }

    pub fn heard(&mut self, Heard { channels, failed }: Heard) {
        self.listening.under_way = false;
        let since = Instant::now();
        if !failed.is_empty() {
            self.listening.not_before = Some(since + jittered(PAUSE));
            // What is needed no more is not asked for again.
            self.listening.wanted.extend(failed.into_iter().filter(|num| self.channels.contains_key(num)));
        }
        let mut concerned = HashSet::new();
        for num in channels {
            match self.channels.get_mut(&num) {
                Some(channel) if !channel.is_heard() => {
                    channel.hearing = Hearing::Since(since);
                    concerned.extend(channel.users.iter().copied());
                }
                // Nobody needs it any more, or it is listened to already.
                _ => self.edge.hub().leave(Topic::chat(num)),
            }
        }
        // Of the others more channels will be heard.
        concerned.retain(|num| {
            let channels = self.users.get(num).map(|user| user.counts.channels());
            channels
                .is_some_and(|mut all| all.all(|num| self.channels.get(&num).is_some_and(|c| c.is_heard())))
        });
        self.ask(concerned);
    }
}

/// Half as long to half as long again, so that not all who failed together return together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.5))
}
