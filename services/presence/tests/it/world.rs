use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, Item, MemoryBus, Message, Subscription, Topic};
use parlance_core::{Caller, Clock, ManualClock, Micros};
use parlance_presence::store::MemoryStore;
use parlance_presence::{Dependencies, Presence, Settings};
use parlance_proto::event::Event;
use parlance_proto::event::event::Payload;
use parlance_proto::presence::report_connections_request::Change;
use parlance_proto::presence::{
    GetPresenceRequest, ReportConnectionsRequest, SetStatusRequest, SetTypingRequest, UserPresence,
};
use parlance_rpc::{AuthClient, ChannelClient, Context, PresenceClient, in_process, serve};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::fake::{self, Shared};

pub const APP: Uuid = Uuid::from_u128(7);
pub const START: Micros = Micros::from_secs(1_800_000_000);

/// The service on a clock that stands still, and somebody who hears everything that it says.
pub struct World {
    pub client: PresenceClient,
    pub presence: Arc<Presence>,
    pub clock: Arc<ManualClock>,
    pub bus: Arc<MemoryBus>,
    pub answers: Shared,
    heard: Box<dyn Subscription>,
    stop: CancellationToken,
}

impl World {
    pub async fn new() -> Self {
        let answers = Shared::default();
        let transport = fake::transport(answers.clone());
        let clock = Arc::new(ManualClock::at(START));
        let bus = Arc::new(MemoryBus::new());
        let heard = bus.subscribe().await.unwrap();
        heard.topics().listen(Topic::Presence).await.unwrap();
        let stop = CancellationToken::new();
        let presence = Presence::assemble(Dependencies {
            store: Arc::new(MemoryStore::default()),
            bus: bus.clone(),
            clock: clock.clone(),
            channel: ChannelClient::new(transport.clone()),
            auth: AuthClient::new(transport),
            settings: Settings::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        })
        .await
        .unwrap();
        let client = PresenceClient::new(in_process(serve(presence.server(), None, None)));
        Self { client, presence, clock, bus, answers, heard, stop }
    }

    /// Hears what is said in a channel, too.
    pub async fn listen(&self, channel: i64) {
        self.heard.topics().listen(Topic::chat(channel)).await.unwrap();
    }

    pub fn companions(&self, user: i64, companions: &[i64]) {
        self.answers.lock().unwrap().companions.insert(user, companions.to_vec());
    }

    pub fn allow(&self, channel: i64, user: i64) {
        self.answers.lock().unwrap().rights.insert((channel, user), None);
    }

    /// Moves the clock and sweeps, as the service does each second.
    pub async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.presence.sweep(self.clock.now()).await.unwrap();
    }

    pub async fn connections(&self, gateway: &str, changes: &[(i64, &str, bool)]) -> bool {
        let change = |&(user_num, connection, opened): &(i64, &str, bool)| Change {
            app_id: APP.to_string(),
            user_num,
            connection_id: connection.to_owned(),
            opened,
        };
        let request = ReportConnectionsRequest {
            gateway_id: gateway.to_owned(),
            changes: changes.iter().map(change).collect(),
        };
        self.client.clone().report_connections(service(request)).await.unwrap().into_inner().resync
    }

    pub async fn declare(&self, num: i64, online: bool) {
        self.client.clone().set_status(user(num, SetStatusRequest { online })).await.unwrap();
    }

    pub async fn look(&self, request: tonic::Request<GetPresenceRequest>) -> Vec<UserPresence> {
        self.client.clone().get_presence(request).await.unwrap().into_inner().users
    }

    pub async fn is_online(&self, num: i64) -> bool {
        self.look(service(GetPresenceRequest { user_nums: vec![num] })).await[0].online
    }

    pub async fn types(&self, num: i64, channel: i64, typing: bool) -> Result<(), tonic::Status> {
        let request = SetTypingRequest { channel_num: channel, typing };
        self.client.clone().set_typing(user(num, request)).await.map(|_| ())
    }

    /// The next event that was published.
    pub async fn next(&mut self) -> Arc<Event> {
        let waited = tokio::time::timeout(Duration::from_secs(5), self.heard.recv()).await;
        match waited.expect("an event within five seconds") {
            Some(Item::Message(_, Message::Event(event))) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    /// The next presence change: whom it is about, whether he is online, who hears of it.
    pub async fn next_change(&mut self) -> (i64, bool, Vec<i64>) {
        let event = self.next().await;
        assert_eq!((event.offset, event.origin.as_str()), (0, "presence"));
        match event.payload.as_ref().unwrap() {
            Payload::PresenceChanged(change) => (change.user_num, change.online, event.audience_nums.clone()),
            other => panic!("not a presence change: {other:?}"),
        }
    }

    /// Shows that nothing was published: what user 99 does now is heard next.
    pub async fn assert_silent(&mut self) {
        self.companions(99, &[98]);
        self.declare(99, true).await;
        assert_eq!(self.next_change().await, (99, true, vec![98]));
        self.declare(99, false).await;
        assert_eq!(self.next_change().await, (99, false, vec![98]));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn service<T>(message: T) -> tonic::Request<T> {
    Context::new(Caller::service(APP)).request(message)
}

pub fn user<T>(num: i64, message: T) -> tonic::Request<T> {
    Context::new(Caller::user(APP, num)).request(message)
}
