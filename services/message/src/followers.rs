//! Places for followers: each costs a task, a subscription and a look at the log from time to time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::{Actor, Caller, Error, Num, Reason, Result};
use uuid::Uuid;

use crate::Settings;

/// When to come back if this replica is full.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// When to come back for a caller who has all the places that he may have.
const OWN_PAUSE: Duration = Duration::from_secs(10);

/// Who holds places: all that speak for an app share its places, and so do the connections of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Service(Uuid),
    App(Uuid),
    User(Uuid, Num),
}

impl From<&Caller> for Holder {
    fn from(caller: &Caller) -> Self {
        match caller.actor {
            Actor::User { num } => Self::User(caller.app, num),
            Actor::Service => Self::Service(caller.app),
            Actor::App | Actor::Public => Self::App(caller.app),
        }
    }
}

/// The followers of this replica.
#[derive(Debug)]
pub struct Followers {
    most: usize,
    most_per_caller: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_holder: HashMap<Holder, usize>,
}

impl Followers {
    pub fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            most: settings.max_followers,
            most_per_caller: settings.max_followers_per_caller,
            taken: Mutex::default(),
        })
    }

    /// A place until it is dropped. OVERLOADED if this replica has none left, RATE_LIMITED if the caller
    /// holds as many as he may.
    pub fn enter(self: &Arc<Self>, caller: &Caller) -> Result<Place> {
        let holder = Holder::from(caller);
        let mut taken = self.taken.lock();
        let own = taken.by_holder.get(&holder).copied().unwrap_or(0);
        if own >= self.most_per_caller {
            return Err(Error::new(
                Reason::RateLimited,
                "too many streams are followed at once by this caller",
            )
            .with_retry_after(OWN_PAUSE));
        }
        if taken.all >= self.most {
            return Err(Error::new(Reason::Overloaded, "too many streams are followed here")
                .with_retry_after(FULL_PAUSE));
        }
        taken.all += 1;
        taken.by_holder.insert(holder, own + 1);
        Ok(Place { followers: self.clone(), holder })
    }
}

/// One follower's place; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    followers: Arc<Followers>,
    holder: Holder,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.followers.taken.lock();
        taken.all -= 1;
        match taken.by_holder.get_mut(&self.holder) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.by_holder.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followers(max_followers: usize, max_followers_per_caller: usize) -> Arc<Followers> {
        Followers::new(&Settings { max_followers, max_followers_per_caller, ..Settings::default() })
    }

    fn refused(followers: &Arc<Followers>, caller: &Caller) -> (Reason, bool) {
        let error = followers.enter(caller).unwrap_err();
        (error.reason, error.retry_after.is_some())
    }

    #[test]
    fn a_caller_has_his_share_and_gets_it_back() {
        let followers = followers(10, 2);
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        let places = [followers.enter(&Caller::user(one, 1)), followers.enter(&Caller::user(one, 1))];
        assert_eq!(refused(&followers, &Caller::user(one, 1)), (Reason::RateLimited, true));
        // Another user, the same num in another app, the app itself.
        let others = [Caller::user(one, 2), Caller::user(other, 1), Caller::app(one)];
        let held: Vec<Place> = others.iter().map(|caller| followers.enter(caller).unwrap()).collect();
        drop(places);
        drop(followers.enter(&Caller::user(one, 1)).unwrap());
        drop(held);
        let taken = followers.taken.lock();
        assert_eq!(
            (taken.all, taken.by_holder.len()),
            (0, 0),
            "nothing is remembered of those who have gone"
        );
    }

    #[test]
    fn a_full_replica_refuses_everybody_until_a_place_is_free() {
        let followers = followers(2, 2);
        let app = Uuid::new_v4();
        let first = followers.enter(&Caller::user(app, 1)).unwrap();
        let _second = followers.enter(&Caller::service(app)).unwrap();
        assert_eq!(refused(&followers, &Caller::user(app, 3)), (Reason::Overloaded, true));
        drop(first);
        followers.enter(&Caller::user(app, 3)).unwrap();
    }
}
