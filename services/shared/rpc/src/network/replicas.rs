//! The replicas of one service as this process sees them: which exist, which answer, how busy they are.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Uri;
use parking_lot::{Mutex, RwLock};
use parlance_core::{Num, id};
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A replica that does not answer a ping is given up after the sum of the two.
const PING_EVERY: Duration = Duration::from_secs(3);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// How long a replica is avoided after failures in a row: doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(3);
/// Calls in a row that may get no answer in time before a replica is avoided.
const MUTE: u32 = 3;

/// One replica and its connection.
pub(crate) struct Replica {
    pub(crate) name: String,
    hash: u64,
    channel: Channel,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures: u32,
    unanswered: u32,
    avoided_until: Option<Instant>,
}

impl Replica {
    fn new(uri: &Uri) -> Arc<Self> {
        let name = uri.to_string();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let channel = Endpoint::from(uri.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_lazy();
        Arc::new(Self {
            name,
            hash: hasher.finish(),
            channel,
            in_flight: AtomicUsize::new(0),
            health: Mutex::default(),
        })
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Counts a call until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    pub(crate) fn answered(&self) {
        let mut health = self.health.lock();
        if health.failures > 0 || health.unanswered > 0 {
            *health = Health::default();
        }
    }

    /// It could not be reached, or broke off. Calls that one broken connection has taken with it are
    /// one failure.
    pub(crate) fn failed(&self) {
        let mut health = self.health.lock();
        if health.avoided_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(health.failures.min(16))).min(LAST_PAUSE);
        health.failures += 1;
        health.avoided_until = Some(Instant::now() + pause);
    }

    /// A call ended without an answer in time; that may be the call's fault.
    pub(crate) fn was_mute(&self) {
        let mut health = self.health.lock();
        health.unanswered += 1;
        if health.unanswered >= MUTE {
            health.avoided_until = Some(Instant::now() + LAST_PAUSE);
        }
    }

    fn is_avoided(&self, now: Instant) -> bool {
        self.health.lock().avoided_until.is_some_and(|until| now < until)
    }

    fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// A call under way.
pub(crate) struct InFlight(Arc<Replica>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The known replicas.
#[derive(Default)]
pub(crate) struct Replicas {
    known: RwLock<Vec<Arc<Replica>>>,
}

impl Replicas {
    /// From now on these; connections to those that stay are kept.
    pub(crate) fn set(&self, uris: &[Uri]) {
        let mut known = self.known.write();
        let mut old: HashMap<String, Arc<Replica>> =
            known.drain(..).map(|replica| (replica.name.clone(), replica)).collect();
        let mut names: Vec<&Uri> = uris.iter().collect();
        names.sort_by_key(|uri| uri.to_string());
        names.dedup();
        known.extend(
            names.into_iter().map(|uri| old.remove(&uri.to_string()).unwrap_or_else(|| Replica::new(uri))),
        );
    }

    /// The replica to ask: for a routed call the one that its key belongs to, else the less busy one
    /// of two. Those in `tried` only if there is no other, those that failed lately likewise.
    pub(crate) fn pick(&self, route: Option<Num>, tried: &[Arc<Replica>]) -> Option<Arc<Replica>> {
        let known = self.known.read();
        let now = Instant::now();
        let untried = |replica: &&Arc<Replica>| !tried.iter().any(|other| Arc::ptr_eq(other, replica));
        let good: Vec<&Arc<Replica>> =
            known.iter().filter(untried).filter(|replica| !replica.is_avoided(now)).collect();
        let candidates = if !good.is_empty() {
            good
        } else {
            let rest: Vec<_> = known.iter().filter(untried).collect();
            if rest.is_empty() { known.iter().collect() } else { rest }
        };
        let chosen = match route {
            Some(route) => rendezvous(&candidates, route)?,
            None => less_busy_of_two(&candidates)?,
        };
        Some(chosen.clone())
    }
}

/// Highest random weight: when a replica goes, only its own keys move.
fn rendezvous<'a>(candidates: &[&'a Arc<Replica>], route: Num) -> Option<&'a Arc<Replica>> {
    let key = id::mix(route as u64);
    candidates.iter().copied().max_by_key(|replica| id::mix(replica.hash ^ key))
}

fn less_busy_of_two<'a>(candidates: &[&'a Arc<Replica>]) -> Option<&'a Arc<Replica>> {
    let count = candidates.len();
    if count < 2 {
        return candidates.first().copied();
    }
    let first = rand::random_range(0..count);
    let second = (first + rand::random_range(1..count)) % count;
    [candidates[first], candidates[second]].into_iter().min_by_key(|replica| replica.load())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(count: usize) -> Replicas {
        let replicas = Replicas::default();
        replicas.set(&uris(count));
        replicas
    }

    fn uris(count: usize) -> Vec<Uri> {
        (0..count).map(|n| format!("http://10.0.0.{n}:1").parse().unwrap()).collect()
    }

    fn owner(replicas: &Replicas, route: Num) -> String {
        replicas.pick(Some(route), &[]).unwrap().name.clone()
    }

    #[tokio::test]
    async fn keys_spread_evenly_and_only_those_of_a_lost_replica_move() {
        let three = replicas(3);
        let before: Vec<String> = (0..3000).map(|route| owner(&three, route)).collect();
        for replica in uris(3) {
            let count = before.iter().filter(|name| **name == replica.to_string()).count();
            assert!((800..1200).contains(&count), "{replica}: {count}");
        }
        three.set(&uris(2));
        for (route, name) in before.iter().enumerate() {
            if !name.contains("10.0.0.2:") {
                assert_eq!(&owner(&three, route as Num), name);
            }
        }
    }

    #[tokio::test]
    async fn a_failed_replica_is_avoided_while_there_is_another() {
        let two = replicas(2);
        let first = two.pick(Some(7), &[]).unwrap();
        first.failed();
        let second = two.pick(Some(7), &[]).unwrap();
        assert_ne!(first.name, second.name);
        second.failed();
        assert_eq!(two.pick(Some(7), &[]).unwrap().name, first.name, "better than nothing");
        first.answered();
        assert_eq!(two.pick(None, &[]).unwrap().name, first.name);
    }

    #[tokio::test]
    async fn the_less_busy_one_is_asked_and_a_tried_one_only_at_last() {
        let two = replicas(2);
        let busy = two.pick(None, &[]).unwrap();
        let guard = busy.begin();
        for _ in 0..20 {
            assert_ne!(two.pick(None, &[]).unwrap().name, busy.name);
        }
        drop(guard);
        let other = two.pick(None, std::slice::from_ref(&busy)).unwrap();
        assert_ne!(other.name, busy.name);
        assert!(two.pick(None, &[busy, other]).is_some());
        assert!(Replicas::default().pick(None, &[]).is_none());
    }
}
