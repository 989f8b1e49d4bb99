//! auth, channel, presence, message and notification in one process.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus};
use parlance_core::{Caller, Clock, Error, ManualClock, Micros, Num, Reason};
use parlance_notification::Settings;
use parlance_proto::auth::{CreateAppRequest, DeleteUsersRequest, UpsertUsersRequest, UserInput};
use parlance_proto::channel::*;
use parlance_proto::event::ReadLogRequest;
use parlance_proto::message::*;
use parlance_proto::notification::*;
use parlance_proto::presence::ReportConnectionsRequest;
use parlance_proto::presence::report_connections_request::Change;
use parlance_rpc::{
    AuthClient, ChannelClient, Context, MessageClient, NotificationClient, PresenceClient, in_process, serve,
};
use parlance_sql::{Store, positions};
use parlance_testkit::{TempStore, temp_store, wait_until};
use sea_orm::{ConnectionTrait as _, Statement};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::recorder::{Recorder, Tried};

/// Noon of a day.
pub const START: Micros = Micros::from_secs(1_790_000_000 - 1_790_000_000 % 86_400 + 12 * 3600);

pub const MASTER_KEY: [u8; 32] = [7; 32];

/// The services below, and one replica of notification.
pub struct World {
    pub app: Uuid,
    pub clock: Arc<ManualClock>,
    pub bus: Arc<dyn Bus>,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub presence: PresenceClient,
    pub message: MessageClient,
    pub recorder: Recorder,
    pub notification: NotificationClient,
    pub store: TempStore,
    /// The replica that was started first.
    pub replica: Replica,
    below: CancellationToken,
    _stores: Vec<TempStore>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.replica.stop.cancel();
        self.below.cancel();
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let (auth_store, channel_store, message_store, store) = (
            temp_store(parlance_auth::migrate).await,
            temp_store(parlance_channel::migrate).await,
            temp_store(parlance_message::migrate).await,
            temp_store(parlance_notification::migrate).await,
        );
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new());
        let clock = Arc::new(ManualClock::at(START));
        let (tasks, below) = (TaskTracker::new(), CancellationToken::new());
        let auth = parlance_auth::start(parlance_auth::Dependencies {
            store: auth_store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            master_key: MASTER_KEY,
            tasks: tasks.clone(),
            stop: below.clone(),
        });
        let auth = AuthClient::new(in_process(serve(auth.await.unwrap(), None, None)));
        let channel = parlance_channel::start(parlance_channel::Dependencies {
            store: channel_store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            auth: auth.clone(),
            tasks: tasks.clone(),
            stop: below.clone(),
        });
        let channel = ChannelClient::new(in_process(serve(channel.await.unwrap(), None, None)));
        let presence = parlance_presence::start(parlance_presence::Dependencies {
            store: Arc::new(parlance_presence::store::MemoryStore::default()),
            bus: bus.clone(),
            clock: clock.clone(),
            channel: channel.clone(),
            auth: auth.clone(),
            settings: parlance_presence::Settings::default(),
            tasks: tasks.clone(),
            stop: below.clone(),
        });
        let presence = PresenceClient::new(in_process(serve(presence.await.unwrap(), None, None)));
        let message = parlance_message::start(parlance_message::Dependencies {
            store: message_store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            channel: channel.clone(),
            link_preview: None,
            settings: parlance_message::Settings::default(),
            tasks,
            stop: below.clone(),
        });
        let message = MessageClient::new(in_process(serve(message.await.unwrap(), None, None)));

        let recorder = Recorder::default();
        let parts = Parts { clock, bus, auth, channel, presence, message, recorder };
        let replica = parts.start(store.clone(), settings).await;
        let notification = replica.client.clone();
        let Parts { clock, bus, auth, channel, presence, message, recorder } = parts;
        let _stores = vec![auth_store, channel_store, message_store];
        let mut world = Self {
            app: Uuid::nil(),
            clock,
            bus,
            auth,
            channel,
            presence,
            message,
            recorder,
            notification,
            store,
            replica,
            below,
            _stores,
        };
        world.app = world.new_app().await;
        world
    }

    /// What another replica of notification is made of.
    pub fn parts(&self) -> Parts {
        Parts {
            clock: self.clock.clone(),
            bus: self.bus.clone(),
            auth: self.auth.clone(),
            channel: self.channel.clone(),
            presence: self.presence.clone(),
            message: self.message.clone(),
            recorder: self.recorder.clone(),
        }
    }

    pub async fn new_app(&self) -> Uuid {
        let request = CreateAppRequest { name: "test".into(), ..Default::default() };
        let nobody = Context::new(Caller::service(Uuid::nil()));
        let reply = self.auth.clone().create_app(nobody.request(request)).await.unwrap().into_inner();
        reply.app.unwrap().id.parse().unwrap()
    }

    pub fn service(&self) -> Context {
        Context::new(Caller::service(self.app))
    }

    pub fn backend(&self) -> Context {
        Context::new(Caller::app(self.app))
    }

    pub fn by(&self, user: Num) -> Context {
        Context::new(Caller::user(self.app, user))
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Users with these ids; their names are the ids with a capital.
    pub async fn users(&self, ids: &[&str]) -> Vec<Num> {
        let name = |id: &str| id[..1].to_uppercase() + &id[1..];
        let users = ids
            .iter()
            .map(|id| UserInput { id: (*id).into(), name: Some(name(id)), ..Default::default() })
            .collect();
        let request = self.service().request(UpsertUsersRequest { users });
        let answer = self.auth.clone().upsert_users(request).await.unwrap().into_inner();
        answer.results.into_iter().map(|result| result.user.unwrap().num).collect()
    }

    pub async fn delete_user(&self, id: &str) {
        let request = self.service().request(DeleteUsersRequest { ids: vec![id.into()] });
        self.auth.clone().delete_users(request).await.unwrap();
    }

    /// A channel of this type; whoever is told of it has been told.
    pub async fn channel(&self, kind: &str, name: &str, owner: Num, members: &[Num]) -> Num {
        let channel = self.make_channel(kind, name, owner, members).await;
        self.settled().await;
        channel
    }

    /// A channel of this type, seen by message.
    pub async fn make_channel(&self, kind: &str, name: &str, owner: Num, members: &[Num]) -> Num {
        let request = CreateChannelRequest {
            r#type: kind.into(),
            name: name.into(),
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

    pub async fn mute(&self, channel: Num, user: Num) {
        let request =
            UpdateMemberSettingsRequest { channel_num: channel, muted: Some(true), ..Default::default() };
        let answer = self.channel.clone().update_member_settings(self.by(user).request(request)).await;
        self.settle(answer.unwrap().into_inner().log_position).await;
    }

    async fn settle(&self, log_position: u64) {
        let request = parlance_proto::message::AwaitFactsRequest { service: "channel".into(), log_position };
        self.message.clone().await_facts(self.service().request(request)).await.unwrap();
    }

    pub async fn send(&self, author: Num, channel: Num, text: &str) -> Message {
        self.send_draft(author, channel, MessageDraft { text: text.into(), ..Default::default() }).await
    }

    pub async fn reply(&self, author: Num, parent: &Message, text: &str) -> Message {
        let draft = MessageDraft { text: text.into(), parent: Some(reference(parent)), ..Default::default() };
        self.send_draft(author, parent.channel_num, draft).await
    }

    pub async fn send_draft(&self, author: Num, channel: Num, draft: MessageDraft) -> Message {
        let request = SendMessageRequest { channel_num: channel, draft: Some(draft), ..Default::default() };
        let answer = self.message.clone().send_message(self.by(author).request(request)).await.unwrap();
        answer.into_inner().message.unwrap()
    }

    pub async fn react(&self, user: Num, message: &Message, emoji: &str) {
        let request = AddReactionRequest {
            channel_num: message.channel_num,
            message: Some(reference(message)),
            r#type: emoji.into(),
        };
        self.message.clone().add_reaction(self.by(user).request(request)).await.unwrap();
    }

    pub async fn read(&self, user: Num, channel: Num) {
        let request = MarkReadRequest { channel_num: channel, ..Default::default() };
        self.message.clone().mark_read(self.by(user).request(request)).await.unwrap();
    }

    pub async fn delete(&self, by: Num, message: &Message) {
        let request = DeleteMessageRequest {
            channel_num: message.channel_num,
            message: Some(reference(message)),
            window_s: 0,
        };
        self.message.clone().delete_message(self.by(by).request(request)).await.unwrap();
    }

    /// A device of a user; the token names it.
    pub async fn device(&self, user: Num, token: &str) -> Device {
        let request =
            RegisterDeviceRequest { platform: "android".into(), token: token.into(), ..Default::default() };
        self.register(user, request).await.unwrap().device.unwrap()
    }

    pub async fn register(
        &self,
        user: Num,
        request: RegisterDeviceRequest,
    ) -> Result<RegisterDeviceResponse, Error> {
        let answer = self.notification.clone().register_device(self.by(user).request(request)).await;
        answer.map(tonic::Response::into_inner).map_err(Error::from)
    }

    pub async fn devices(&self, user: Num) -> Vec<Device> {
        let request = self.by(user).request(ListDevicesRequest {});
        self.notification.clone().list_devices(request).await.unwrap().into_inner().devices
    }

    /// Once so many pushes were taken, and nothing more is on its way: those that were taken.
    pub async fn taken(&self, count: usize) -> Vec<Tried> {
        wait_until("pushes", async || self.recorder.taken().len(), |taken| *taken >= count).await;
        self.settled().await;
        let taken = self.recorder.taken();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken
    }

    /// Once everything that has happened was read, decided where it is due, and tried where it is due.
    pub async fn settled(&self) {
        let request = ReadLogRequest { after_position: i64::MAX as u64, limit: 1 };
        let request = self.service().request(request);
        let top = self.message.clone().read_log(request).await.unwrap().into_inner().top_position;
        let now = self.now().0;
        let due = format!(
            "SELECT (SELECT COUNT(*) FROM pending WHERE due_at <= {now} OR NOT is_open) \
             + (SELECT COUNT(*) FROM deliveries WHERE state = 0 AND (due_at <= {now} OR claimed_until > 0)) AS n"
        );
        let left = async || {
            let read = positions::load(&self.store, "message").await.unwrap();
            (top.saturating_sub(read), self.count(&due).await)
        };
        wait_until("nothing to be on its way", left, |left| *left == (0, 0)).await;
    }

    /// The number that a question gives as `n`.
    pub async fn count(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self.store.read().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// Changes the tables of notification.
    pub async fn execute(&self, sql: &str) {
        let write = self.store.begin().await.unwrap();
        write.connection().execute_unprepared(sql).await.unwrap();
        drop(write.commit().await.unwrap());
    }

    pub async fn edit(&self, author: Num, message: &Message, text: &str) {
        let request = EditMessageRequest {
            channel_num: message.channel_num,
            message: Some(reference(message)),
            text: text.into(),
        };
        self.message.clone().edit_message(self.by(author).request(request)).await.unwrap();
    }

    pub async fn block(&self, by: Num, user: Num) {
        let request = BlockUserRequest { user_num: user };
        self.channel.clone().block_user(self.by(by).request(request)).await.unwrap();
    }

    /// Says that a user has a connection open.
    pub async fn connect(&self, user: Num) {
        let change =
            Change { app_id: self.app.to_string(), user_num: user, connection_id: "c".into(), opened: true };
        let request = ReportConnectionsRequest { gateway_id: "g".into(), changes: vec![change] };
        self.presence.clone().report_connections(self.service().request(request)).await.unwrap();
    }

    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let request = self.backend().request(ListDeadLettersRequest::default());
        self.notification.clone().list_dead_letters(request).await.unwrap().into_inner().letters
    }

    /// FCM for the app.
    pub async fn with_fcm(self) -> Self {
        self.set(ProviderKind::Fcm, "{}", r#"{"key":"hunter2"}"#).await.unwrap();
        self
    }

    pub async fn set(
        &self,
        kind: ProviderKind,
        settings: &str,
        secrets: &str,
    ) -> Result<parlance_proto::notification::Provider, Error> {
        let request = SetProviderRequest {
            kind: kind.into(),
            settings: settings.into(),
            secrets: secrets.into(),
            enabled: true,
        };
        let answer = self.notification.clone().set_provider(self.backend().request(request)).await;
        answer.map(|answer| answer.into_inner().provider.unwrap()).map_err(Error::from)
    }

    pub async fn prefer(
        &self,
        user: Num,
        change: UpdatePreferencesRequest,
    ) -> Result<parlance_proto::notification::Preferences, Error> {
        let answer = self.notification.clone().update_preferences(self.by(user).request(change)).await;
        answer.map(|answer| answer.into_inner().preferences.unwrap()).map_err(Error::from)
    }
}

/// The services below, without a replica of notification.
pub struct Parts {
    pub clock: Arc<ManualClock>,
    pub bus: Arc<dyn Bus>,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub presence: PresenceClient,
    pub message: MessageClient,
    pub recorder: Recorder,
}

impl Parts {
    /// A replica of notification on a store.
    pub async fn start(&self, store: Store, settings: Settings) -> Replica {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let service = parlance_notification::start(parlance_notification::Dependencies {
            store,
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            auth: self.auth.clone(),
            channel: self.channel.clone(),
            presence: self.presence.clone(),
            message: self.message.clone(),
            master_key: MASTER_KEY,
            settings,
            providers: self.recorder.factory(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let client = NotificationClient::new(in_process(serve(service.await.unwrap(), None, None)));
        Replica { client, stop, tasks }
    }
}

/// A running replica.
pub struct Replica {
    pub client: NotificationClient,
    pub stop: CancellationToken,
    tasks: TaskTracker,
}

impl Replica {
    /// Ends it in order.
    pub async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub fn reference(message: &Message) -> MessageRef {
    MessageRef { r#ref: Some(message_ref::Ref::Num(message.num)) }
}

pub fn reason<T: std::fmt::Debug>(result: Result<T, impl Into<Error>>) -> Reason {
    match result {
        Ok(answer) => panic!("was not refused: {answer:?}"),
        Err(error) => error.into().reason,
    }
}
