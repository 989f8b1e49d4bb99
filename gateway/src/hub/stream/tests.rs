use std::time::Duration;

use bytes::Bytes;
use parlance_proto::event::{ChannelDeleted, ChannelUpdated, MemberLeft, PolicyRaised};
use proptest::prelude::*;

use super::super::connection::{Item, Owner, QueueLimits};
use super::super::publication::Class;
use super::*;
use crate::realtime::protocol::Protocol;

const EPOCH: &str = "E";

fn stream() -> Stream {
    Stream::new(StreamKey::chat(1), Uuid::nil(), "chat:a:b".into())
}

fn connection(user: Num) -> Arc<Connection> {
    let limits = QueueLimits { soft_bytes: 1 << 20, hard_bytes: 1 << 24, age: Duration::from_secs(60) };
    let connection = Connection::new(1, Protocol::Json, limits);
    connection.set_owner(Owner { app: Uuid::nil(), user, user_id: "u".into() });
    Arc::new(connection)
}

fn live_in(epoch: &str, offset: u64, payload: Option<Payload>, audience_nums: Vec<Num>) -> Live {
    let event = Event { offset, epoch: epoch.to_owned(), payload, audience_nums, ..Event::default() };
    let data = Bytes::from(format!("{{\"n\":{offset}}}"));
    let publication = Publication::new("chat:a:b".into(), data, offset, epoch, Class::Durable);
    Live { event: Arc::new(event), publication: Some(Arc::new(publication)) }
}

fn live(offset: u64) -> Live {
    live_in(EPOCH, offset, None, Vec::new())
}

fn read_in(epoch: &str, from: u64, top: u64) -> LogRead {
    let entries = (from..=top).map(|offset| live_in(epoch, offset, None, Vec::new())).collect();
    LogRead { epoch: epoch.into(), top, first: 1, entries: Arc::new(entries) }
}

/// The log after an offset.
fn log(after: u64, top: u64) -> LogRead {
    read_in(EPOCH, after + 1, top)
}

/// What is queued: offsets, and codes of ended subscriptions as negative numbers.
fn taken(connection: &Connection) -> Vec<i64> {
    let items = connection.take().items;
    items
        .iter()
        .map(|item| match item {
            Item::Publication(publication) => publication.recovered().offset as i64,
            Item::Ended { code, .. } => -i64::from(crate::realtime::protocol::Unsubscribe::from(*code).code),
        })
        .collect()
}

fn wish(offset: u64) -> Wish {
    Wish { recover: true, epoch: EPOCH.to_owned(), offset }
}

/// A subscriber that is live at the top of a log.
fn subscribed(stream: &Stream, subscription: u64, user: Num, top: u64) -> Arc<Connection> {
    let connection = connection(user);
    assert!(stream.register(subscription, &connection, false));
    let read = LogRead { entries: Arc::default(), ..log(top, top) };
    let (joined, _) = stream.join(subscription, user, &Wish::default(), Some(&read));
    assert!(!joined.unwrap().recovered);
    connection
}

fn offsets(joined: &Joined) -> Vec<u64> {
    joined.entries.iter().map(|entry| entry.offset).collect()
}

#[test]
fn nothing_is_delivered_before_the_reply_and_everything_after_it() {
    let stream = stream();
    let connection = connection(7);
    assert!(stream.register(1, &connection, false));
    assert_eq!(stream.plan(&Wish::default()), Plan::Position);
    // Known to the log already, or newer than it: both come while the position is unknown.
    stream.deliver(vec![live(3), live(4)]);
    assert!(taken(&connection).is_empty());
    let (joined, followup) = stream.join(1, 7, &Wish::default(), Some(&log(3, 3)));
    let joined = joined.unwrap();
    assert_eq!((joined.offset, &*joined.epoch, joined.recovered), (4, EPOCH, false));
    assert_eq!(followup, Followup::default());
    stream.deliver(vec![live(4), live(5), live(0)]);
    assert_eq!(taken(&connection), [5, 0]);
}

#[test]
fn a_gap_holds_the_stream_until_the_log_has_closed_it() {
    let stream = stream();
    let connection = subscribed(&stream, 1, 7, 2);
    assert!(stream.deliver(vec![live(3), live(5), live(6)]).repair);
    assert_eq!(taken(&connection), [3]);
    let place = stream.start_repair().unwrap();
    assert_eq!((&*place.0, place.1), (EPOCH, 3));
    assert!(stream.start_repair().is_none(), "one repair at a time");
    stream.deliver(vec![live(7)]);
    assert!(taken(&connection).is_empty());
    assert_eq!(stream.repaired(&log(3, 6)), Ok(Followup::default()));
    assert_eq!(taken(&connection), [4, 5, 6, 7]);
    stream.deliver(vec![live(8)]);
    assert_eq!(taken(&connection), [8]);
}

#[test]
fn a_log_of_several_pages_is_read_on() {
    let stream = stream();
    let connection = subscribed(&stream, 1, 7, 0);
    assert!(stream.deliver(vec![live(9)]).repair);
    stream.start_repair().unwrap();
    let page = LogRead { top: 9, ..log(0, 4) };
    assert_eq!(stream.repaired(&page).unwrap_err().1, 4);
    assert!(stream.start_repair().is_none());
    assert_eq!(stream.repaired(&log(4, 9)), Ok(Followup::default()));
    assert_eq!(taken(&connection), (1..=9).collect::<Vec<_>>());
}

#[test]
fn if_the_log_cannot_help_subscribers_start_anew() {
    for trimmed in [LogRead { first: 8, entries: Arc::default(), ..log(9, 9) }, read_in("F", 1, 2)] {
        let stream = stream();
        let connection = subscribed(&stream, 1, 7, 2);
        assert!(stream.deliver(vec![live(6)]).repair);
        stream.start_repair().unwrap();
        let (epoch, top) = (trimmed.epoch.clone(), trimmed.top);
        let repaired = stream.repaired(&trimmed);
        assert_eq!(taken(&connection), [-2500]);
        if *epoch == *EPOCH {
            assert_eq!(repaired, Ok(Followup::default()));
            let next = subscribed(&stream, 2, 7, top);
            stream.deliver(vec![live(top + 1)]);
            assert_eq!(taken(&next), [10]);
        }
    }
}

#[test]
fn a_member_who_left_gets_nothing_that_follows() {
    let stream = stream();
    let (stays, leaves) = (subscribed(&stream, 1, 7, 0), subscribed(&stream, 2, 8, 0));
    let left = MemberLeft { channel_num: 1, user_num: 8, ..MemberLeft::default() };
    let left = live_in(EPOCH, 2, Some(Payload::MemberLeft(left)), Vec::new());
    stream.deliver(vec![live(1), left, live(3)]);
    assert_eq!(taken(&leaves), [1, -2000]);
    assert_eq!(taken(&stays), [1, 2, 3]);
    // The same if the event comes out of the log.
    assert!(!stream.unregister(2));
}

#[test]
fn one_who_is_removed_while_joining_does_not_go_live() {
    let stream = stream();
    let stays = subscribed(&stream, 1, 7, 0);
    let connection = connection(8);
    assert!(stream.register(2, &connection, false));
    let left = MemberLeft { channel_num: 1, user_num: 8, ..MemberLeft::default() };
    stream.deliver(vec![live_in(EPOCH, 1, Some(Payload::MemberLeft(left)), Vec::new())]);
    let (joined, _) = stream.join(2, 8, &Wish::default(), None);
    assert_eq!(joined.unwrap_err(), NotJoined::Ended);
    assert_eq!(taken(&stays), [1]);
}

#[test]
fn a_deleted_channel_ends_for_all_after_the_event() {
    let stream = stream();
    let connection = subscribed(&stream, 1, 7, 0);
    let deleted = Payload::ChannelDeleted(ChannelDeleted { channel_num: 1, ..Default::default() });
    stream.deliver(vec![live(1), live_in(EPOCH, 2, Some(deleted), Vec::new()), live(3)]);
    assert_eq!(taken(&connection), [1, 2, -2000]);
}

#[test]
fn a_channel_that_closes_to_some_is_asked_about_again() {
    let stream = stream();
    let _connection = subscribed(&stream, 1, 7, 0);
    let updated = |offset, policy_version, discoverable| {
        let channel = parlance_proto::channel::Channel { discoverable, ..Default::default() };
        let payload = Payload::ChannelUpdated(ChannelUpdated { channel_num: 1, channel: Some(channel) });
        let mut live = live_in(EPOCH, offset, Some(payload), Vec::new());
        let event = Event { policy_version, ..live.event.as_ref().clone() };
        live.event = Arc::new(event);
        live
    };
    assert!(!stream.deliver(vec![updated(1, 3, true)]).recheck);
    assert!(stream.deliver(vec![updated(2, 4, false)]).recheck);
    assert!(!stream.deliver(vec![updated(3, 4, false)]).recheck, "nothing new was decided");
    let raised = |offset, policy_version, user_num| {
        let payload = Payload::PolicyRaised(PolicyRaised { channel_num: 1, user_num });
        let mut live = live_in(EPOCH, offset, Some(payload), Vec::new());
        live.event = Arc::new(Event { policy_version, ..live.event.as_ref().clone() });
        live
    };
    assert!(stream.deliver(vec![raised(4, 5, 0)]).recheck, "somebody has lost a right without leaving");
    assert!(!stream.deliver(vec![raised(5, 5, 0)]).recheck);
    assert!(stream.deliver(vec![raised(6, 6, 7)]).recheck, "who is here");
    assert!(!stream.deliver(vec![raised(7, 7, 8)]).recheck, "who is not here");
}

#[test]
fn an_audience_is_kept_live_and_on_recovery() {
    let stream = stream();
    let (sees, does_not) = (subscribed(&stream, 1, 7, 0), subscribed(&stream, 2, 8, 0));
    stream.deliver(vec![live(1), live_in(EPOCH, 2, None, vec![7]), live(3)]);
    assert_eq!(taken(&sees), [1, 2, 3]);
    assert_eq!(taken(&does_not), [1, 3]);
    for (subscription, user, expected) in [(3, 7, vec![1, 2, 3]), (4, 8, vec![1, 3])] {
        let connection = connection(user);
        assert!(stream.register(subscription, &connection, true));
        assert_eq!(stream.plan(&wish(0)), Plan::Nothing, "recent ones are at hand");
        let (joined, _) = stream.join(subscription, user, &wish(0), None);
        let joined = joined.unwrap();
        assert_eq!((joined.recovered, joined.offset), (true, 0));
        assert_eq!(offsets(&joined), expected);
    }
}

#[test]
fn what_is_at_hand_no_more_is_read_from_the_log() {
    let stream = stream();
    let _other = subscribed(&stream, 1, 7, 0);
    stream.deliver(vec![live(1), live(2)]);
    let connection = connection(8);
    assert!(stream.register(2, &connection, true));
    assert_eq!(stream.plan(&wish(0)), Plan::Nothing);
    // So many that neither the recent ones nor those since registration reach back... for another.
    let late = super::tests::connection(9);
    for offset in 3..=2 + RECENT_ENTRIES as u64 + 5 {
        stream.deliver(vec![live(offset)]);
    }
    assert!(stream.register(3, &late, true));
    assert_eq!(stream.plan(&wish(1)), Plan::Entries { epoch: EPOCH.into(), after: 1 });
    let (joined, _) = stream.join(3, 9, &wish(1), None);
    let Err(NotJoined::NeedsLog { after, .. }) = joined else { panic!("{joined:?}") };
    stream.deliver(vec![live(264)]);
    let (joined, _) = stream.join(3, 9, &wish(1), Some(&log(after, 264)));
    assert_eq!(offsets(&joined.unwrap()), (2..=264).collect::<Vec<_>>());
    // The first one had only what was before its registration to lose.
    let (joined, _) = stream.join(2, 8, &wish(2), None);
    assert_eq!(offsets(&joined.unwrap()), (3..=264).collect::<Vec<_>>());
}

#[test]
fn the_last_subscriber_closes_the_stream() {
    let stream = stream();
    let connection = subscribed(&stream, 1, 7, 0);
    assert!(stream.unregister(1));
    assert!(!stream.unregister(1));
    assert!(!stream.register(2, &connection, false));
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Something is committed to the log.
    Commit,
    /// The bus hands over the next so many committed events.
    Deliver(usize),
    /// The bus loses the next event.
    Lose,
    /// The bus hands over the last event again.
    Repeat,
    /// The log is read for the stream's repair.
    Repair,
    /// A client subscribes, from an offset of the log.
    Subscribe(prop::sample::Index),
    /// The oldest subscribe on its way reads what it needs; a second time it goes live.
    Advance,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Commit),
        4 => (1usize..4).prop_map(Step::Deliver),
        1 => Just(Step::Lose),
        1 => Just(Step::Repeat),
        2 => Just(Step::Repair),
        2 => any::<prop::sample::Index>().prop_map(Step::Subscribe),
        4 => Just(Step::Advance),
    ]
}

/// A client: what it wished, has read, and was given.
struct Client {
    subscription: u64,
    connection: Arc<Connection>,
    wish: Wish,
    read: Option<Option<LogRead>>,
    live: bool,
    given: Vec<u64>,
}

impl Client {
    fn advance(&mut self, stream: &Stream, top: u64) {
        match self.read.take() {
            None => {
                self.read = Some(match stream.plan(&self.wish) {
                    Plan::Nothing => None,
                    Plan::Position => Some(LogRead { entries: Arc::default(), ..log(top, top) }),
                    Plan::Entries { after, .. } => Some(log(after, top)),
                });
            }
            Some(read) => match stream.join(self.subscription, 7, &self.wish, read.as_ref()).0 {
                Ok(joined) => {
                    assert!(joined.recovered);
                    self.given.extend(offsets(&joined));
                    self.live = true;
                }
                Err(NotJoined::NeedsLog { after, .. }) => self.read = Some(Some(log(after, top))),
                Err(other) => panic!("{other:?}"),
            },
        }
    }
}

proptest! {
    /// Whatever the bus loses or repeats and whenever clients come: each gets every entry after its
    /// position once, in order.
    #[test]
    fn every_client_gets_every_entry_once_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let stream = stream();
        let (mut top, mut handed) = (0u64, 0u64);
        let mut clients: Vec<Client> = Vec::new();
        let mut repairing: Option<u64> = None;
        let end = [Step::Commit, Step::Deliver(1000), Step::Repair, Step::Repair, Step::Repair];
        let settle = std::iter::repeat_n(Step::Advance, 400).chain(end.into_iter().cycle().take(20));
        for step in steps.into_iter().chain(settle) {
            match step {
                Step::Commit => top += 1,
                Step::Deliver(count) => {
                    let to = top.min(handed + count as u64);
                    if stream.deliver((handed + 1..=to).map(live).collect()).repair {
                        repairing = repairing.or(stream.start_repair().map(|place| place.1));
                    }
                    handed = to;
                }
                Step::Lose => handed = top.min(handed + 1),
                Step::Repeat if handed > 0 => { stream.deliver(vec![live(handed)]); }
                Step::Repeat => {}
                Step::Repair => {
                    if repairing.is_none() && stream.is_behind(EPOCH, top) {
                        repairing = stream.start_repair().map(|place| place.1);
                    }
                    if let Some(after) = repairing.take()
                        && let Err(place) = stream.repaired(&log(after, top))
                    {
                        repairing = Some(place.1);
                    }
                }
                Step::Subscribe(index) => {
                    let offset = index.index(top as usize + 1) as u64;
                    let client = Client {
                        subscription: clients.len() as u64 + 1,
                        connection: connection(7),
                        wish: wish(offset),
                        read: None,
                        live: false,
                        given: Vec::new(),
                    };
                    stream.register(client.subscription, &client.connection, true);
                    clients.push(client);
                }
                Step::Advance => {
                    if let Some(client) = clients.iter_mut().find(|client| !client.live) {
                        client.advance(&stream, top);
                    }
                }
            }
            for client in clients.iter_mut().filter(|client| client.live) {
                client.given.extend(taken(&client.connection).into_iter().map(|offset| offset as u64));
            }
        }
        for client in clients {
            let expected: Vec<u64> = (client.wish.offset + 1..=top).collect();
            prop_assert_eq!(&client.given, &expected, "from {}", client.wish.offset);
        }
    }
}
