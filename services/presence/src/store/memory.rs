use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use parking_lot::Mutex;
use parlance_core::{Micros, Num, Result};
use uuid::Uuid;

use super::{ConnectionChange, GATEWAY_SILENCE, News, PresenceStore, Report, Sign, Totals, Typist, User};
use crate::domain::online::{Signs, Verdict, judge, last_seen};
use crate::domain::typing::{Change, Typing};

/// Presence of one process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    people: Mutex<People>,
    typing: Mutex<HashMap<Typist, Typing>>,
}

#[derive(Debug, Default)]
struct People {
    users: HashMap<User, Record>,
    gateways: HashMap<String, Gateway>,
    /// When to look at whom again; holds exactly the records with a `look_again`.
    due: BTreeSet<(Micros, User)>,
    /// Active since the last [`PresenceStore::take_active`].
    active: HashSet<User>,
}

#[derive(Debug, Default)]
struct Record {
    signs: Signs,
    /// Others were told that he is online.
    announced: bool,
    look_again: Option<Micros>,
}

#[derive(Debug)]
struct Gateway {
    heard_at: Micros,
    connections: HashMap<String, User>,
}

impl People {
    /// Hears the gateway; says whether it was known.
    fn hear(&mut self, gateway: &str, now: Micros) -> bool {
        match self.gateways.get_mut(gateway) {
            Some(gateway) => {
                gateway.heard_at = gateway.heard_at.max(now);
                true
            }
            None => {
                let fresh = Gateway { heard_at: now, connections: HashMap::new() };
                self.gateways.insert(gateway.to_owned(), fresh);
                false
            }
        }
    }

    fn change(&mut self, gateway: &str, change: ConnectionChange, now: Micros, news: &mut Vec<News>) {
        let Some(known) = self.gateways.get_mut(gateway) else { return };
        if change.opened {
            match known.connections.insert(change.connection, change.user) {
                Some(same) if same == change.user => return,
                Some(other) => self.closed(other, now, news),
                None => {}
            }
            self.opened(change.user, now, news);
        } else if let Some(user) = known.connections.remove(&change.connection) {
            self.closed(user, now, news);
        }
    }

    fn opened(&mut self, user: User, now: Micros, news: &mut Vec<News>) {
        let signs = &mut self.users.entry(user).or_default().signs;
        signs.connections += 1;
        signs.active_at = signs.active_at.max(Some(now));
        self.active.insert(user);
        self.settle(user, now, news);
    }

    /// `at` may lie in the past: when a silent gateway was last heard.
    fn closed(&mut self, user: User, at: Micros, news: &mut Vec<News>) {
        let signs = &mut self.users.entry(user).or_default().signs;
        signs.connections = signs.connections.saturating_sub(1);
        // Also of one that is not the last: those that are left may be of a dead gateway, closed long before it.
        signs.closed_at = signs.closed_at.max(Some(at));
        self.settle(user, at, news);
    }

    fn record(&mut self, user: User, sign: Sign, now: Micros, news: &mut Vec<News>) {
        let signs = &mut self.users.entry(user).or_default().signs;
        match sign {
            Sign::Active => {
                signs.active_at = signs.active_at.max(Some(now));
                self.active.insert(user);
            }
            Sign::Offline => signs.declared_offline_at = signs.declared_offline_at.max(Some(now)),
        }
        self.settle(user, now, news);
    }

    /// Follows the verdict on a user until it is settled.
    fn settle(&mut self, user: User, now: Micros, news: &mut Vec<News>) {
        let Some(record) = self.users.get_mut(&user) else { return };
        if let Some(at) = record.look_again.take() {
            self.due.remove(&(at, user));
        }
        loop {
            match judge(&record.signs, record.announced, now) {
                Verdict::Announce { online } => {
                    record.announced = online;
                    news.push(News { user, online, last_seen: last_seen(&record.signs, now) });
                }
                Verdict::Settled { look_again } => {
                    record.look_again = look_again;
                    self.due.extend(look_again.map(|at| (at, user)));
                    return;
                }
                Verdict::Forget => {
                    self.users.remove(&user);
                    return;
                }
            }
        }
    }

    fn drop_silent_gateways(&mut self, now: Micros, news: &mut Vec<News>) {
        let silent: Vec<String> = self
            .gateways
            .iter()
            .filter(|(_, gateway)| now >= gateway.heard_at + GATEWAY_SILENCE)
            .map(|(name, _)| name.clone())
            .collect();
        for name in silent {
            if let Some(gone) = self.gateways.remove(&name) {
                for user in gone.connections.into_values() {
                    self.closed(user, gone.heard_at, news);
                }
            }
        }
    }
}

#[async_trait]
impl PresenceStore for MemoryStore {
    async fn report(&self, gateway: &str, changes: Vec<ConnectionChange>, now: Micros) -> Result<Report> {
        let mut people = self.people.lock();
        let known = people.hear(gateway, now);
        let mut news = Vec::new();
        for change in changes {
            people.change(gateway, change, now, &mut news);
        }
        Ok(Report { known, news })
    }

    async fn renew(&self, gateway: &str, now: Micros) -> Result<bool> {
        Ok(self.people.lock().hear(gateway, now))
    }

    async fn record(&self, user: User, sign: Sign, now: Micros) -> Result<Vec<News>> {
        let mut news = Vec::new();
        self.people.lock().record(user, sign, now, &mut news);
        Ok(news)
    }

    async fn look(&self, app: Uuid, nums: &[Num]) -> Result<Vec<Signs>> {
        let people = self.people.lock();
        let signs = |&num: &Num| people.users.get(&User { app, num }).map(|record| record.signs);
        Ok(nums.iter().map(|num| signs(num).unwrap_or_default()).collect())
    }

    async fn sweep(&self, now: Micros) -> Result<Vec<News>> {
        let mut people = self.people.lock();
        let mut news = Vec::new();
        people.drop_silent_gateways(now, &mut news);
        while let Some(&(at, user)) = people.due.first() {
            if at > now {
                break;
            }
            people.settle(user, now, &mut news);
        }
        Ok(news)
    }

    async fn take_active(&self, limit: usize) -> Result<Vec<(User, Micros)>> {
        let mut people = self.people.lock();
        let taken: Vec<User> = people.active.iter().copied().take(limit).collect();
        for user in &taken {
            people.active.remove(user);
        }
        let at = |user: User| Some((user, people.users.get(&user)?.signs.active_at?));
        Ok(taken.into_iter().filter_map(at).collect())
    }

    async fn hear_typing(&self, typist: Typist, now: Micros) -> Result<Option<Change>> {
        Ok(self.typing.lock().entry(typist).or_insert(Typing::NONE).hear(now))
    }

    async fn stop_typing(&self, typist: Typist, _: Micros) -> Result<Option<Change>> {
        Ok(self.typing.lock().get_mut(&typist).and_then(Typing::stop))
    }

    async fn sweep_typing(&self, now: Micros) -> Result<Vec<(Typist, Change)>> {
        let mut changes = Vec::new();
        self.typing.lock().retain(|typist, typing| {
            changes.extend(typing.check(now).map(|change| (*typist, change)));
            !typing.is_over(now)
        });
        Ok(changes)
    }

    async fn totals(&self) -> Result<Totals> {
        let people = self.people.lock();
        Ok(Totals {
            users: people.users.len(),
            connections: people.gateways.values().map(|gateway| gateway.connections.len()).sum(),
            typing: self.typing.lock().len(),
        })
    }
}
