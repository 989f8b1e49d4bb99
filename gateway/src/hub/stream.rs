//! One stream that somebody here is subscribed to: its position, its subscribers, and what was
//! delivered last.
//!
//! All changes happen under one short lock, so that "goes live" and "is delivered" have one order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use parlance_core::Num;
use parlance_proto::event::{Event, Stream as StreamName, event::Payload, stream::Kind};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::connection::Connection;
use super::position::{self, Judgement, Placed, Recovery, Requested};
use super::publication::Publication;
use crate::realtime::codes::UnsubscribeCode;

/// Recent publications kept per stream, so that returning clients seldom need the log.
const RECENT_ENTRIES: usize = 256;
const RECENT_BYTES: usize = 256 * 1024;
/// Recent publications of all streams together, in bytes.
const RECENT_BYTES_IN_ALL: usize = 64 * 1024 * 1024;
/// Live entries kept for a subscriber whose position is being loaded, and for a stream that waits
/// for its log. Beyond, the log is asked again.
const WAITING_ENTRIES: usize = 10_000;

static RECENT_BYTES_NOW: AtomicUsize = AtomicUsize::new(0);

/// Which stream, across all apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    kind: Kind,
    pub num: Num,
}

impl StreamKey {
    pub fn chat(channel: Num) -> Self {
        Self { kind: Kind::Chat, num: channel }
    }

    pub fn user(user: Num) -> Self {
        Self { kind: Kind::User, num: user }
    }

    pub fn of(event: &Event) -> Option<Self> {
        let stream = event.stream.as_ref()?;
        matches!(stream.kind(), Kind::Chat | Kind::User)
            .then(|| Self { kind: stream.kind(), num: stream.num })
    }

    pub fn is_chat(&self) -> bool {
        self.kind == Kind::Chat
    }

    pub fn name(&self) -> StreamName {
        StreamName { kind: self.kind.into(), num: self.num }
    }

    pub fn topic(&self) -> parlance_bus::Topic {
        parlance_bus::Topic::of(&self.name())
    }
}

/// A place in a stream and what clients see there; nothing, if the entry is not for clients.
#[derive(Debug, Clone)]
pub struct Entry {
    pub offset: u64,
    /// Users who may see it; `None` = every subscriber.
    pub audience: Option<Arc<[Num]>>,
    pub publication: Option<Arc<Publication>>,
}

impl Placed for Entry {
    fn offset(&self) -> u64 {
        self.offset
    }
}

impl Entry {
    pub fn visible_to(&self, user: Num) -> Option<&Arc<Publication>> {
        match &self.audience {
            Some(audience) if !audience.contains(&user) => None,
            _ => self.publication.as_ref(),
        }
    }
}

/// An event with its rendering, before its place is checked.
#[derive(Debug, Clone)]
pub struct Live {
    pub event: Arc<Event>,
    pub publication: Option<Arc<Publication>>,
}

impl Live {
    pub fn entry(&self) -> Entry {
        let audience = &self.event.audience_nums;
        Entry {
            offset: self.event.offset,
            audience: (!audience.is_empty()).then(|| audience.as_slice().into()),
            publication: self.publication.clone(),
        }
    }
}

/// What was read from the log for a stream.
#[derive(Debug, Clone, Default)]
pub struct LogRead {
    pub epoch: Arc<str>,
    pub top: u64,
    /// Oldest offset still kept.
    pub first: u64,
    /// Consecutive; may start before the offset that was asked for.
    pub entries: Arc<Vec<Live>>,
}

#[derive(Debug)]
pub struct Stream {
    pub key: StreamKey,
    pub app: Uuid,
    /// The channel name that clients use.
    pub channel: Arc<str>,
    /// Set once the bus delivers the stream's topic.
    pub(super) heard: OnceCell<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Taken out of the registry: nobody may join any more.
    removed: bool,
    position: Option<Position>,
    /// Live events that wait for the log to be read.
    held: Option<Vec<Live>>,
    /// A task is reading the log for this stream.
    repairing: bool,
    subscribers: Vec<Subscriber>,
    recent: VecDeque<Entry>,
    recent_bytes: usize,
    policy_version: i64,
    /// Rights must be asked again once the repair is done.
    recheck: bool,
}

#[derive(Debug)]
struct Position {
    epoch: Arc<str>,
    offset: u64,
}

#[derive(Debug)]
struct Subscriber {
    subscription: u64,
    connection: Arc<Connection>,
    /// Newest offset that it was given.
    offset: u64,
    joining: Option<Box<Joining>>,
}

/// A subscriber whose reply has not been made yet.
#[derive(Debug, Default)]
struct Joining {
    /// Live entries since it registered; kept only if it wants to recover.
    entries: Option<Vec<Entry>>,
}

/// What a subscriber asks for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub recover: bool,
    pub epoch: String,
    pub offset: u64,
}

/// What has to be read before a subscription can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    Nothing,
    Position,
    Entries { epoch: String, after: u64 },
}

/// A subscription's reply, as far as positions go.
#[derive(Debug)]
pub struct Joined {
    pub epoch: Arc<str>,
    pub offset: u64,
    pub recovered: bool,
    pub entries: Vec<Entry>,
}

/// Why a subscription cannot go live.
#[derive(Debug, PartialEq, Eq)]
pub enum NotJoined {
    /// It was ended meanwhile.
    Ended,
    /// The position is not known: its load failed, or the stream had to be given up.
    Unknown,
    /// What is at hand does not reach back far enough: read the log and join again.
    NeedsLog { epoch: String, after: u64 },
    /// What was read and what came since do not meet.
    Broken,
}

/// What has to follow a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Followup {
    /// The log must be read: call [`Stream::start_repair`].
    pub repair: bool,
    /// Rights may have been taken away: ask again about all subscribers.
    pub recheck: bool,
}

impl Stream {
    pub fn new(key: StreamKey, app: Uuid, channel: Arc<str>) -> Self {
        Self { key, app, channel, heard: OnceCell::new(), state: Mutex::default() }
    }

    /// Registers a subscriber, without publications yet; `false` if the stream is gone.
    pub fn register(&self, subscription: u64, connection: &Arc<Connection>, recover: bool) -> bool {
        let mut state = self.state.lock();
        if state.removed {
            return false;
        }
        let joining = Joining { entries: recover.then(Vec::new) };
        state.subscribers.push(Subscriber {
            subscription,
            connection: connection.clone(),
            offset: 0,
            joining: Some(Box::new(joining)),
        });
        true
    }

    /// Removes a subscriber; `true` if that leaves the stream without any: it is marked as removed then.
    pub fn unregister(&self, subscription: u64) -> bool {
        let mut state = self.state.lock();
        state.remove_subscriber(subscription);
        let last = state.subscribers.is_empty() && !state.removed;
        if last {
            state.removed = true;
            state.forget_recent();
        }
        last
    }

    /// What must be read for this wish.
    pub fn plan(&self, wish: &Wish) -> Plan {
        let state = self.state.lock();
        let Some(position) = &state.position else {
            return match wish.recover {
                true => Plan::Entries { epoch: wish.epoch.clone(), after: wish.offset },
                false => Plan::Position,
            };
        };
        let same_log = wish.epoch.is_empty() || *wish.epoch == *position.epoch;
        let recent = state.recent.front().is_some_and(|oldest| oldest.offset <= wish.offset + 1);
        let at_hand = wish.offset == position.offset || (wish.offset < position.offset && recent);
        if !wish.recover || !same_log || at_hand {
            return Plan::Nothing;
        }
        Plan::Entries { epoch: position.epoch.as_ref().to_owned(), after: wish.offset }
    }

    /// Lets a subscriber go live. Publications from now on are queued for its connection; the reply
    /// must be written before that queue is looked at.
    pub fn join(
        &self,
        subscription: u64,
        user: Num,
        wish: &Wish,
        read: Option<&LogRead>,
    ) -> (Result<Joined, NotJoined>, Followup) {
        let mut state = self.state.lock();
        let followup = match read {
            Some(read) if state.position.is_none() => state.settle(self.key, read),
            _ => Followup::default(),
        };
        (state.join(subscription, user, wish, read), followup)
    }

    /// Delivers rendered live events, in order, as far as their places allow.
    pub fn deliver(&self, events: Vec<Live>) -> Followup {
        let mut state = self.state.lock();
        if state.removed {
            return Followup::default();
        }
        if state.held.is_some() || state.position.is_none() {
            state.hold(events);
            return Followup::default();
        }
        state.run(self.key, events)
    }

    /// Delivers something without a place, to all subscribers that are live.
    pub fn broadcast(&self, publication: &Arc<Publication>) {
        let entry = Entry { offset: 0, audience: None, publication: Some(publication.clone()) };
        self.state.lock().hand_out(std::slice::from_ref(&entry));
    }

    /// Has live events wait until [`repaired`](Self::repaired). `None` if that is happening already or
    /// the position is not known yet; else the position after which to read.
    pub fn start_repair(&self) -> Option<(Arc<str>, u64)> {
        let mut state = self.state.lock();
        if state.repairing || state.removed {
            return None;
        }
        let place = state.position.as_ref().map(|position| (position.epoch.clone(), position.offset))?;
        state.repairing = true;
        state.held.get_or_insert_default();
        Some(place)
    }

    /// Delivers what the log has and then what waited. `Err` = it must be read once more, from the
    /// position given.
    pub fn repaired(&self, read: &LogRead) -> Result<Followup, (Arc<str>, u64)> {
        let mut state = self.state.lock();
        let held = state.held.take().unwrap_or_default();
        let (epoch, offset) = state.place();
        if read.epoch != epoch || (read.top > offset && read.first > offset + 1) {
            // The log cannot help: everybody starts anew from its top.
            state.reset(read);
        } else {
            let caught_up = state.run(self.key, read.entries.as_ref().clone());
            state.recheck |= caught_up.recheck;
            if state.place().1 < read.top {
                // More than one reading holds. What waits stays behind it.
                state.held = Some(held);
                return Err(state.place());
            }
        }
        let rest = state.run(self.key, held);
        state.recheck |= rest.recheck;
        if rest.repair {
            return Err(state.place());
        }
        state.repairing = false;
        Ok(Followup { repair: false, recheck: std::mem::take(&mut state.recheck) })
    }

    /// The log could not be read: everybody starts anew.
    pub fn give_up(&self) {
        let mut state = self.state.lock();
        state.repairing = false;
        state.held = None;
        state.position = None;
        state.forget_recent();
        state.end_live(UnsubscribeCode::Insufficient);
    }

    /// Compares the position with the log's; whether the log must be read.
    pub fn is_behind(&self, epoch: &str, top: u64) -> bool {
        let state = self.state.lock();
        state.position.as_ref().is_some_and(|position| *position.epoch != *epoch || position.offset < top)
    }

    /// The epoch, if the position is known.
    pub fn has_position(&self) -> bool {
        self.state.lock().position.is_some()
    }

    /// Ends the subscriptions of a user.
    pub fn end_user(&self, user: Num, code: UnsubscribeCode) {
        self.state.lock().end_where(code, |subscriber| subscriber.is_of(user));
    }

    /// Ends all subscriptions.
    pub fn end_all(&self, code: UnsubscribeCode) {
        self.state.lock().end_where(code, |_| true);
    }

    /// Users who are subscribed, each once.
    pub fn users(&self) -> Vec<Num> {
        let state = self.state.lock();
        let mut users: Vec<Num> = state
            .subscribers
            .iter()
            .filter_map(|subscriber| subscriber.connection.owner().map(|owner| owner.user))
            .collect();
        users.sort_unstable();
        users.dedup();
        users
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.get_mut().forget_recent();
    }
}

impl Subscriber {
    fn is_of(&self, user: Num) -> bool {
        self.connection.owner().is_some_and(|owner| owner.user == user)
    }
}

impl State {
    fn remove_subscriber(&mut self, subscription: u64) {
        if let Some(index) = self.subscribers.iter().position(|one| one.subscription == subscription) {
            self.subscribers.swap_remove(index);
        }
    }

    fn place(&self) -> (Arc<str>, u64) {
        match &self.position {
            Some(position) => (position.epoch.clone(), position.offset),
            None => Default::default(),
        }
    }

    /// Takes the log's position as the first one of this stream and lets waiting events go.
    fn settle(&mut self, key: StreamKey, read: &LogRead) -> Followup {
        self.position = Some(Position { epoch: read.epoch.clone(), offset: read.top });
        self.release(key)
    }

    /// Lets waiting events go on.
    fn release(&mut self, key: StreamKey) -> Followup {
        match self.held.take() {
            Some(events) => self.run(key, events),
            None => Followup::default(),
        }
    }

    fn hold(&mut self, events: Vec<Live>) {
        let held = self.held.get_or_insert_default();
        held.extend(events);
        if held.len() > WAITING_ENTRIES {
            // The log has them; the next event or position check will show the gap.
            held.clear();
        }
    }

    fn join(
        &mut self,
        subscription: u64,
        user: Num,
        wish: &Wish,
        read: Option<&LogRead>,
    ) -> Result<Joined, NotJoined> {
        let Self { position, subscribers, recent, .. } = self;
        let subscriber =
            subscribers.iter_mut().find(|one| one.subscription == subscription).ok_or(NotJoined::Ended)?;
        let position = position.as_ref().ok_or(NotJoined::Unknown)?;
        let joining = subscriber.joining.take().unwrap_or_default();
        let mut joined = Joined {
            epoch: position.epoch.clone(),
            offset: position.offset,
            recovered: false,
            entries: Vec::new(),
        };
        subscriber.offset = position.offset;
        if wish.recover {
            let usable = read.filter(|read| read.epoch == position.epoch);
            let from_log: Vec<Entry> = usable
                .map(|read| {
                    let after = |live: &&Live| live.event.offset > wish.offset;
                    read.entries.iter().filter(after).map(Live::entry).collect()
                })
                .unwrap_or_default();
            let requested = Requested { epoch: &wish.epoch, offset: wish.offset };
            let recent = recent.make_contiguous();
            let buffered = joining.entries.as_deref().unwrap_or_default();
            let log_top = usable.map(|read| read.top);
            let parts: &[&[Entry]] = &[&from_log, recent, buffered];
            match position::recover(requested, &position.epoch, position.offset, log_top, parts) {
                Recovery::Complete { entries, position } => {
                    subscriber.offset = position;
                    joined.offset = wish.offset;
                    joined.recovered = true;
                    joined.entries =
                        entries.into_iter().filter(|entry| entry.visible_to(user).is_some()).collect();
                }
                Recovery::Lost if read.is_none() && requested.is_of(&position.epoch) => {
                    let epoch = position.epoch.as_ref().to_owned();
                    subscriber.joining = Some(joining);
                    return Err(NotJoined::NeedsLog { epoch, after: wish.offset });
                }
                Recovery::Lost => {}
                Recovery::Broken => return Err(NotJoined::Broken),
            }
        }
        Ok(joined)
    }

    /// Delivers events whose places follow the position; stops at a gap and has the rest wait.
    fn run(&mut self, key: StreamKey, events: Vec<Live>) -> Followup {
        let mut followup = Followup::default();
        let mut ready: Vec<Entry> = Vec::with_capacity(events.len());
        let mut events = events.into_iter();
        while let Some(live) = events.next() {
            let offset = live.event.offset;
            if offset > 0 {
                let Some(position) = &mut self.position else { break };
                match position::judge(&position.epoch, position.offset, &live.event.epoch, offset) {
                    Judgement::Old => continue,
                    Judgement::Next => position.offset = offset,
                    Judgement::Gap => {
                        let held = self.held.get_or_insert_default();
                        held.push(live);
                        held.extend(events);
                        followup.repair = true;
                        break;
                    }
                }
            }
            followup.recheck |= self.takes_rights(key, &live.event);
            if let Some(user) = left(key, &live.event) {
                // What came before is still the member's; this and what follows is not.
                self.hand_out(&ready);
                ready.clear();
                self.end_where(UnsubscribeCode::Server, |subscriber| subscriber.is_of(user));
            }
            ready.push(live.entry());
            if key.is_chat() && matches!(live.event.payload, Some(Payload::ChannelDeleted(_))) {
                self.hand_out(&ready);
                ready.clear();
                self.end_where(UnsubscribeCode::Server, |_| true);
            }
        }
        self.hand_out(&ready);
        followup
    }

    /// Whether the event may have taken the right to read from somebody who has not left.
    fn takes_rights(&mut self, key: StreamKey, event: &Event) -> bool {
        let closed = match &event.payload {
            Some(Payload::ChannelUpdated(updated)) => {
                updated.channel.as_ref().is_some_and(|channel| !channel.discoverable)
            }
            Some(Payload::PolicyRaised(raised)) => {
                let lost = |one: &Subscriber| raised.user_num == 0 || one.is_of(raised.user_num);
                self.subscribers.iter().any(lost)
            }
            _ => return false,
        };
        let newer = event.policy_version > self.policy_version;
        self.policy_version = self.policy_version.max(event.policy_version);
        key.is_chat() && newer && closed
    }

    /// Queues entries for all live subscribers, and keeps them for those who return.
    fn hand_out(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let now = Instant::now();
        let plain = entries.iter().all(|entry| entry.audience.is_none());
        let publications: Vec<&Arc<Publication>> =
            entries.iter().filter_map(|entry| entry.publication.as_ref()).collect();
        if publications.is_empty() && entries.iter().all(|entry| entry.offset == 0) {
            return;
        }
        let newest = entries.iter().map(|entry| entry.offset).max().unwrap_or(0);
        let oldest = entries.iter().map(|entry| entry.offset).find(|&offset| offset > 0).unwrap_or(u64::MAX);
        for subscriber in &mut self.subscribers {
            if let Some(joining) = &mut subscriber.joining {
                if let Some(buffered) = &mut joining.entries
                    && buffered.len() < WAITING_ENTRIES
                {
                    buffered.extend(entries.iter().filter(|entry| entry.offset > 0).cloned());
                }
                continue;
            }
            if plain && oldest > subscriber.offset {
                subscriber.connection.publish(publications.iter().copied(), now);
            } else {
                let Some(user) = subscriber.connection.owner().map(|owner| owner.user) else { continue };
                let after = subscriber.offset;
                let seen = entries
                    .iter()
                    .filter(|entry| entry.offset == 0 || entry.offset > after)
                    .filter_map(|entry| entry.visible_to(user));
                subscriber.connection.publish(seen, now);
            }
            subscriber.offset = subscriber.offset.max(newest);
        }
        self.remember(entries);
    }

    fn remember(&mut self, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| entry.offset > 0) {
            let weight = weight_of(entry);
            self.recent.push_back(entry.clone());
            self.recent_bytes += weight;
            let in_all = RECENT_BYTES_NOW.fetch_add(weight, Ordering::Relaxed) + weight;
            if in_all > RECENT_BYTES_IN_ALL {
                self.forget_recent();
            }
            while self.recent.len() > RECENT_ENTRIES || self.recent_bytes > RECENT_BYTES {
                let Some(oldest) = self.recent.pop_front() else { break };
                let weight = weight_of(&oldest);
                self.recent_bytes -= weight;
                RECENT_BYTES_NOW.fetch_sub(weight, Ordering::Relaxed);
            }
        }
    }

    fn forget_recent(&mut self) {
        self.recent = VecDeque::new();
        RECENT_BYTES_NOW.fetch_sub(std::mem::take(&mut self.recent_bytes), Ordering::Relaxed);
    }

    /// The log was lost or trimmed past the position: all live subscribers start anew.
    fn reset(&mut self, read: &LogRead) {
        self.position = Some(Position { epoch: read.epoch.clone(), offset: read.top });
        self.forget_recent();
        for subscriber in &mut self.subscribers {
            if let Some(joining) = &mut subscriber.joining
                && let Some(buffered) = &mut joining.entries
            {
                buffered.clear();
            }
        }
        self.end_live(UnsubscribeCode::Insufficient);
    }

    fn end_live(&mut self, code: UnsubscribeCode) {
        self.end_where(code, |subscriber| subscriber.joining.is_none());
    }

    fn end_where(&mut self, code: UnsubscribeCode, chosen: impl Fn(&Subscriber) -> bool) {
        self.subscribers.retain(|subscriber| {
            let end = chosen(subscriber);
            if end {
                // One who is still joining finds out when he wants to go live.
                subscriber.connection.end(subscriber.subscription, code);
            }
            !end
        });
    }
}

fn weight_of(entry: &Entry) -> usize {
    64 + entry.publication.as_ref().map_or(0, |publication| publication.weight())
}

/// The user whose membership ends with this event of a channel's stream.
fn left(key: StreamKey, event: &Event) -> Option<Num> {
    match &event.payload {
        Some(Payload::MemberLeft(left)) if key.is_chat() => Some(left.user_num),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
