//! How many links are opened at once, in all and per host: neither we nor a site shall be overrun.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts who is under way.
pub struct Crowd {
    all: Arc<Semaphore>,
    hosts: Arc<Hosts>,
    per_host: usize,
}

type Hosts = Mutex<HashMap<String, Arc<Semaphore>>>;

/// A place for one request; given back when dropped.
pub struct Place {
    _all: OwnedSemaphorePermit,
    _of_host: OwnedSemaphorePermit,
    // After the permit, which refers to the host's places as well.
    _host: Host,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("parlance_link_preview_in_flight").decrement(1.0);
    }
}

/// Somebody's interest in a host; the last one clears up.
struct Host {
    hosts: Arc<Hosts>,
    name: String,
    places: Option<Arc<Semaphore>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut hosts = self.hosts.lock();
        self.places = None;
        if hosts.get(&self.name).is_some_and(|places| Arc::strong_count(places) == 1) {
            hosts.remove(&self.name);
        }
    }
}

impl Crowd {
    pub fn new(most: usize, per_host: usize) -> Self {
        let all = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Self { all, hosts: Arc::default(), per_host: per_host.clamp(1, Semaphore::MAX_PERMITS) }
    }

    /// A place for a request to this host, if there is one within `patience`.
    pub async fn enter(&self, name: &str, patience: Duration) -> Option<Place> {
        let (host, places) = self.host(name);
        let entering = async {
            // Whoever waits for a host takes no place from others.
            let of_host = places.acquire_owned().await.ok()?;
            let all = self.all.clone().acquire_owned().await.ok()?;
            Some((all, of_host))
        };
        let (all, of_host) = tokio::time::timeout(patience, entering).await.ok()??;
        metrics::gauge!("parlance_link_preview_in_flight").increment(1.0);
        Some(Place { _all: all, _of_host: of_host, _host: host })
    }

    fn host(&self, name: &str) -> (Host, Arc<Semaphore>) {
        let mut hosts = self.hosts.lock();
        let places =
            hosts.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))).clone();
        let host = Host { hosts: self.hosts.clone(), name: name.to_owned(), places: Some(places.clone()) };
        (host, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_host_has_its_own_share_and_nothing_is_kept_of_it_afterwards() {
        let crowd = Crowd::new(3, 2);
        let first = crowd.enter("a", SOON).await.unwrap();
        let second = crowd.enter("a", SOON).await.unwrap();
        assert!(crowd.enter("a", SOON).await.is_none());
        let other = crowd.enter("b", SOON).await.unwrap();
        // All places are taken.
        assert!(crowd.enter("c", SOON).await.is_none());
        drop(first);
        let again = crowd.enter("a", SOON).await.unwrap();
        assert_eq!(crowd.hosts.lock().len(), 2);
        drop((second, other, again));
        assert!(crowd.hosts.lock().is_empty());
        assert_eq!(crowd.all.available_permits(), 3);
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_that_becomes_free() {
        let crowd = Crowd::new(1, 1);
        let first = crowd.enter("a", SOON).await.unwrap();
        let (second, ()) = tokio::join!(crowd.enter("a", Duration::from_secs(10)), async { drop(first) });
        assert!(second.is_some());
    }
}
