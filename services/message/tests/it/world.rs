//! auth, channel and message in one process.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::MemoryBus;
use parlance_core::{Caller, Error, Num, SystemClock};
use parlance_message::Settings;
use parlance_proto::auth::{CreateAppRequest, UpsertUsersRequest, UserInput};
use parlance_proto::channel::{AddMembersRequest, CreateChannelRequest, RemoveMemberRequest};
use parlance_proto::event::{Event, Stream, stream::Kind};
use parlance_proto::message::*;
use parlance_rpc::{AuthClient, ChannelClient, Context, LinkPreviewClient, MessageClient, in_process, serve};
use parlance_sql::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::broken::{Faults, FaultyBus, HangingTouches};

pub struct World {
    pub app: Uuid,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub message: MessageClient,
    pub message_store: Store,
    pub bus: Arc<MemoryBus>,
    stop: CancellationToken,
    postgres: Option<Postgres>,
    _folder: tempfile::TempDir,
}

/// Schemas of this test, dropped at its end.
struct Postgres {
    url: String,
    schemas: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        // What a failed test has left can be looked at.
        if let Some(postgres) = self.postgres.take().filter(|_| !std::thread::panicking()) {
            crate::postgres::drop_schemas(postgres.url, postgres.schemas);
        }
    }
}

/// Where a service's tables are in a test.
pub fn settings(url: &str, run: &str, service: &str) -> parlance_sql::Settings {
    parlance_sql::Settings::Postgres {
        url: url.to_owned(),
        schema: format!("test_{run}_{service}"),
        max_connections: 6,
    }
}

impl World {
    /// On SQLite; on PostgreSQL if the environment asks for it.
    pub async fn new() -> Self {
        Self::as_set(Setup::default()).await
    }

    /// The same with faults or settings of the message service.
    pub async fn as_set(setup: Setup) -> Self {
        let wanted = std::env::var("PARLANCE_TEST_STORE").is_ok_and(|store| store == "postgres");
        let url = std::env::var("PARLANCE_TEST_POSTGRES_URL").ok().filter(|_| wanted);
        Self::build(url.as_deref(), setup).await
    }

    /// On SQLite, or with every service in a schema of its own on PostgreSQL.
    pub async fn on(postgres: Option<&str>) -> Self {
        Self::build(postgres, Setup::default()).await
    }

    async fn build(postgres: Option<&str>, setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = Uuid::new_v4().simple().to_string();
        let store = async |service: &str| {
            let settings = match postgres {
                None => parlance_sql::Settings::File(folder.path().join(format!("{service}.db"))),
                Some(url) => settings(url, &run, service),
            };
            Store::open(&settings).await.unwrap()
        };
        let stores = Stores {
            auth: store("auth").await,
            channel: store("channel").await,
            message: store("message").await,
        };
        let (bus, stop) = (Arc::new(MemoryBus::new()), CancellationToken::new());
        let services = start(stores.clone(), bus.clone(), setup, stop.clone()).await;
        let postgres = postgres.map(|url| Postgres {
            url: url.to_owned(),
            schemas: ["auth", "channel", "message"].map(|service| format!("test_{run}_{service}")).to_vec(),
        });
        let mut world = Self::with(&services, stores.message, bus).await;
        (world.stop, world.postgres, world._folder) = (stop, postgres, folder);
        world
    }

    /// A new app behind services that run already.
    pub async fn with(services: &Services, message_store: Store, bus: Arc<MemoryBus>) -> Self {
        let app = Uuid::new_v4();
        let nobody = Context::new(Caller::service(Uuid::nil()));
        let request = CreateAppRequest { name: "test".into(), id: app.to_string(), ..Default::default() };
        services.auth.clone().create_app(nobody.request(request)).await.unwrap();
        let Services { auth, channel, message } = services.clone();
        let (stop, _folder) = (CancellationToken::new(), tempfile::tempdir().unwrap());
        Self { app, auth, channel, message, message_store, bus, stop, postgres: None, _folder }
    }

    /// The same world through another replica.
    pub fn through(&self, services: &Services) -> Self {
        let Services { auth, channel, message } = services.clone();
        Self {
            app: self.app,
            auth,
            channel,
            message,
            message_store: self.message_store.clone(),
            bus: self.bus.clone(),
            // Ends with the first one.
            stop: CancellationToken::new(),
            postgres: None,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn service(&self) -> Context {
        Context::new(Caller::service(self.app))
    }

    pub fn by(&self, user: Num) -> Context {
        Context::new(Caller::user(self.app, user))
    }

    /// Users with these ids; their names are the ids.
    pub async fn users(&self, ids: &[&str]) -> Vec<Num> {
        let users = ids
            .iter()
            .map(|id| UserInput { id: (*id).into(), name: Some((*id).into()), ..Default::default() })
            .collect();
        let request = self.service().request(UpsertUsersRequest { users });
        let answer = self.auth.clone().upsert_users(request).await.unwrap().into_inner();
        answer.results.into_iter().map(|result| result.user.unwrap().num).collect()
    }

    /// A channel of this type, seen by message.
    pub async fn channel(&self, kind: &str, owner: Num, members: &[Num]) -> Num {
        let request = CreateChannelRequest {
            r#type: kind.into(),
            name: format!("{kind} {}", Uuid::new_v4()),
            member_nums: members.to_vec(),
            ..Default::default()
        };
        let answer =
            self.channel.clone().create_channel(self.by(owner).request(request)).await.unwrap().into_inner();
        self.settle(answer.log_position).await;
        answer.channel.unwrap().num
    }

    pub async fn add(&self, channel: Num, by: Num, users: &[Num]) {
        let request =
            AddMembersRequest { channel_num: channel, user_nums: users.to_vec(), ..Default::default() };
        let answer = self.channel.clone().add_members(self.by(by).request(request)).await.unwrap();
        self.settle(answer.into_inner().log_position).await;
    }

    pub async fn remove(&self, channel: Num, by: Num, user: Num) {
        let request = RemoveMemberRequest { channel_num: channel, user_num: user };
        let answer = self.channel.clone().remove_member(self.by(by).request(request)).await.unwrap();
        self.settle(answer.into_inner().log_position).await;
    }

    pub async fn settle(&self, log_position: u64) {
        let request = AwaitFactsRequest { service: "channel".into(), log_position };
        self.message.clone().await_facts(self.service().request(request)).await.unwrap();
    }

    pub async fn try_send(
        &self,
        author: Num,
        request: SendMessageRequest,
    ) -> Result<SendMessageResponse, Error> {
        let answer = self.message.clone().send_message(self.by(author).request(request)).await;
        answer.map(tonic::Response::into_inner).map_err(Error::from)
    }

    pub async fn send(&self, author: Num, channel: Num, text: &str) -> Message {
        self.try_send(author, text_to(channel, text)).await.unwrap().message.unwrap()
    }

    pub async fn list(&self, by: Num, channel: Num) -> Vec<Message> {
        let request = ListMessagesRequest { channel_num: channel, limit: 200, ..Default::default() };
        self.message.clone().list_messages(self.by(by).request(request)).await.unwrap().into_inner().messages
    }

    pub async fn unread(&self, user: Num, channel: Num) -> u64 {
        let request = self.by(user).request(GetUnreadRequest::default());
        let answer = self.message.clone().get_unread(request).await.unwrap().into_inner();
        let channels = &answer.users[0].channels;
        channels.iter().find(|row| row.channel_num == channel).map_or(0, |row| row.unread)
    }

    pub async fn read(&self, user: Num, channel: Num, up_to: Option<&Message>) -> MarkReadResponse {
        let request =
            MarkReadRequest { channel_num: channel, up_to: up_to.map(reference), receipt: up_to.is_some() };
        self.message.clone().mark_read(self.by(user).request(request)).await.unwrap().into_inner()
    }

    pub async fn delete(&self, by: Num, message: &Message) -> Result<bool, Error> {
        let request = DeleteMessageRequest {
            channel_num: message.channel_num,
            message: Some(reference(message)),
            window_s: 900,
        };
        let answer = self.message.clone().delete_message(self.by(by).request(request)).await;
        Ok(answer.map_err(Error::from)?.into_inner().deleted)
    }

    /// Everything that a stream's log holds.
    pub async fn entries(&self, kind: Kind, num: Num) -> Vec<Event> {
        let position = |epoch: String| StreamPosition {
            stream: Some(Stream { kind: kind.into(), num }),
            offset: 0,
            epoch,
        };
        let first = ReadStreamsRequest { positions: vec![position(String::new())], limit: 0 };
        let first =
            self.message.clone().read_streams(self.service().request(first)).await.unwrap().into_inner();
        let epoch = first.results[0].epoch.clone();
        let all = ReadStreamsRequest { positions: vec![position(epoch)], limit: 1000 };
        let all = self.message.clone().read_streams(self.service().request(all)).await.unwrap().into_inner();
        all.results.into_iter().next().unwrap().events
    }

    /// The same, once it holds at least `count` entries.
    pub async fn entries_at_least(&self, kind: Kind, num: Num, count: usize) -> Vec<Event> {
        for _ in 0..200 {
            let events = self.entries(kind, num).await;
            if events.len() >= count {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("fewer than {count} entries: {:?}", self.entries(kind, num).await);
    }
}

/// The stores of one replica of each service.
#[derive(Clone)]
pub struct Stores {
    pub auth: Store,
    pub channel: Store,
    pub message: Store,
}

/// One replica of each service.
#[derive(Clone)]
pub struct Services {
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub message: MessageClient,
}

/// What is unusual about a message service.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub faults: Faults,
    pub settings: Settings,
    /// Who looks up links; nobody unless it is set.
    pub link_preview: Option<LinkPreviewClient>,
}

/// Migrates the stores and starts one replica of each service on them.
pub async fn start(stores: Stores, bus: Arc<MemoryBus>, setup: Setup, stop: CancellationToken) -> Services {
    let Setup { faults, settings, link_preview } = setup;
    parlance_auth::migrate(&stores.auth).await.unwrap();
    parlance_channel::migrate(&stores.channel).await.unwrap();
    parlance_message::migrate(&stores.message).await.unwrap();
    let (clock, tasks) = (Arc::new(SystemClock), TaskTracker::new());
    let auth = parlance_auth::start(parlance_auth::Dependencies {
        store: stores.auth,
        bus: bus.clone(),
        clock: clock.clone(),
        master_key: [7; 32],
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await
    .unwrap();
    let auth = AuthClient::new(in_process(serve(auth, None, None)));
    let channel = parlance_channel::start(parlance_channel::Dependencies {
        store: stores.channel,
        bus: bus.clone(),
        clock: clock.clone(),
        auth: auth.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await
    .unwrap();
    let channel = serve(channel, None, None);
    let hanging = HangingTouches(channel.clone(), faults.hanging_touches.clone());
    let channel = ChannelClient::new(in_process(channel));
    let message = parlance_message::start(parlance_message::Dependencies {
        store: stores.message,
        bus: Arc::new(FaultyBus(bus, faults)),
        clock,
        channel: ChannelClient::new(in_process(hanging)),
        link_preview,
        settings,
        tasks,
        stop,
    })
    .await
    .unwrap();
    let message = MessageClient::new(in_process(serve(message, None, None)));
    Services { auth, channel, message }
}

pub fn text_to(channel: Num, text: &str) -> SendMessageRequest {
    SendMessageRequest {
        channel_num: channel,
        draft: Some(MessageDraft { text: text.into(), ..Default::default() }),
        on_repeat: send_message_request::OnRepeat::Return.into(),
        ..Default::default()
    }
}

pub fn reference(message: &Message) -> MessageRef {
    MessageRef { r#ref: Some(message_ref::Ref::Id(message.id.clone())) }
}
