//! Auth and channel in process, on stores of their own, with a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus};
use parlance_core::{Caller, Clock, Error, ManualClock, Micros, Num, Reason};
use parlance_proto::auth::{CreateAppRequest, UpsertUsersRequest, UserInput};
use parlance_proto::channel::*;
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, ReadLogRequest};
use parlance_rpc::{AuthClient, ChannelClient, Context, in_process, serve};
use parlance_sql::{Settings, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub struct House {
    pub app: Uuid,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    auth: AuthClient,
    channel: ChannelClient,
    tasks: TaskTracker,
    stop: CancellationToken,
    _files: tempfile::TempDir,
}

impl House {
    pub async fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let channel = Settings::File(files.path().join("channel.db"));
        Self::on(files, channel).await
    }

    /// On the PostgreSQL that the environment names, if it does, in a schema of its own.
    pub async fn on_postgres() -> Option<Self> {
        let url = std::env::var("PARLANCE_TEST_POSTGRES_URL").ok()?;
        let schema = format!("channel_{}", Uuid::new_v4().simple());
        let channel = Settings::Postgres { url, schema, max_connections: 8 };
        Some(Self::on(tempfile::tempdir().unwrap(), channel).await)
    }

    async fn on(files: tempfile::TempDir, channel: Settings) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new());
        let clock = Arc::new(ManualClock::at(Micros::from_secs(1_790_000_000)));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let auth_store = Store::open(&Settings::File(files.path().join("auth.db"))).await.unwrap();
        parlance_auth::migrate(&auth_store).await.unwrap();
        let auth = parlance_auth::start(parlance_auth::Dependencies {
            store: auth_store,
            bus: bus.clone(),
            clock: clock.clone(),
            master_key: [7; 32],
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let auth = AuthClient::new(in_process(serve(auth.await.unwrap(), None, None)));
        let store = Store::open(&channel).await.unwrap();
        parlance_channel::migrate(&store).await.unwrap();
        parlance_channel::migrate(&store).await.expect("migrating twice changes nothing");
        let channel = parlance_channel::start(parlance_channel::Dependencies {
            store: store.clone(),
            bus,
            clock: clock.clone(),
            auth: auth.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let channel = ChannelClient::new(in_process(serve(channel.await.unwrap(), None, None)));
        let mut house = Self { app: Uuid::nil(), clock, store, auth, channel, tasks, stop, _files: files };
        house.app = house.new_app().await;
        house
    }

    pub async fn new_app(&self) -> Uuid {
        let request = CreateAppRequest { name: "test".into(), ..Default::default() };
        let context = Context::new(Caller::service(Uuid::nil()));
        let reply = self.auth().create_app(context.request(request)).await.unwrap().into_inner();
        reply.app.unwrap().id.parse().unwrap()
    }

    pub fn auth(&self) -> AuthClient {
        self.auth.clone()
    }

    pub fn channel(&self) -> ChannelClient {
        self.channel.clone()
    }

    pub fn user(&self, num: Num) -> Context {
        Context::new(Caller::user(self.app, num))
    }

    pub fn service(&self) -> Context {
        Context::new(Caller::service(self.app))
    }

    /// New users `<prefix>-0` …, by num.
    pub async fn users(&self, prefix: &str, count: usize) -> Vec<Num> {
        self.users_of(self.app, prefix, count).await
    }

    pub async fn users_of(&self, app: Uuid, prefix: &str, count: usize) -> Vec<Num> {
        let mut nums = Vec::new();
        let ids: Vec<String> = (0..count).map(|n| format!("{prefix}-{n}")).collect();
        for ids in ids.chunks(100) {
            let users = ids.iter().map(|id| UserInput { id: id.clone(), ..Default::default() }).collect();
            let request = Context::new(Caller::service(app)).request(UpsertUsersRequest { users });
            let reply = self.auth().upsert_users(request).await.unwrap().into_inner();
            nums.extend(reply.results.into_iter().map(|result| result.user.unwrap().num));
        }
        nums
    }

    pub async fn try_create(
        &self,
        creator: Num,
        request: CreateChannelRequest,
    ) -> Result<CreateChannelResponse, Reason> {
        self.channel()
            .create_channel(self.user(creator).request(request))
            .await
            .map(|reply| reply.into_inner())
            .map_err(reason)
    }

    pub async fn create(&self, creator: Num, type_name: &str, name: &str, members: &[Num]) -> Channel {
        self.try_create(creator, draft(type_name, name, members)).await.unwrap().channel.unwrap()
    }

    pub async fn get(&self, context: &Context, num: Num) -> Option<Channel> {
        let request = context.request(GetChannelsRequest { nums: vec![num] });
        self.channel().get_channels(request).await.unwrap().into_inner().channels.pop()
    }

    pub async fn policy_version(&self, channel: Num) -> i64 {
        self.get(&self.service(), channel).await.unwrap().policy_version
    }

    pub async fn members(&self, channel: Num) -> Vec<Member> {
        let request = ListMembersRequest { channel_num: channel, limit: 1000, offset: 0 };
        let reply = self.channel().list_members(self.service().request(request)).await.unwrap().into_inner();
        if reply.members.len() < 1000 {
            assert_eq!(reply.member_count as usize, reply.members.len());
        }
        reply.members
    }

    pub async fn roles(&self, channel: Num) -> Vec<(Num, String)> {
        self.members(channel).await.into_iter().map(|member| (member.user_num, member.role)).collect()
    }

    pub async fn add(
        &self,
        caller: Num,
        channel: Num,
        users: &[Num],
        role: &str,
    ) -> Result<Vec<Num>, Reason> {
        let request =
            AddMembersRequest { channel_num: channel, user_nums: users.to_vec(), role: role.to_owned() };
        let reply = self.channel().add_members(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().added_nums).map_err(reason)
    }

    pub async fn remove(&self, caller: Num, channel: Num, user: Num) -> Result<bool, Reason> {
        let request = RemoveMemberRequest { channel_num: channel, user_num: user };
        let reply = self.channel().remove_member(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().removed).map_err(reason)
    }

    pub async fn promote(&self, caller: Num, channel: Num, user: Num, role: &str) -> Result<Member, Reason> {
        let request = UpdateMemberRequest { channel_num: channel, user_num: user, role: role.to_owned() };
        let reply = self.channel().update_member(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().member.unwrap()).map_err(reason)
    }

    pub async fn delete(&self, caller: Num, channel: Num) -> Result<u64, Reason> {
        let request = DeleteChannelRequest { channel_num: channel };
        let reply = self.channel().delete_channel(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().log_position).map_err(reason)
    }

    pub async fn authorize(
        &self,
        channel: Num,
        user: Num,
        action: Action,
        join: bool,
    ) -> Result<AuthorizeResponse, Reason> {
        let request = AuthorizeRequest { channel_num: channel, user_num: user, action: action.into(), join };
        let reply = self.channel().authorize(self.service().request(request)).await;
        reply.map(|reply| reply.into_inner()).map_err(reason)
    }

    pub async fn touch(&self, activities: &[(Num, u64, i64)]) {
        let activities = activities
            .iter()
            .map(|&(channel_num, last_seq, secs)| touch_request::Activity {
                channel_num,
                last_seq,
                at: Some(Micros::from_secs(secs).timestamp()),
            })
            .collect();
        self.channel().touch(self.service().request(TouchRequest { activities })).await.unwrap();
    }

    /// The whole log, with positions checked to rise.
    pub async fn log(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut after_position = 0;
        loop {
            let request = self.service().request(ReadLogRequest { after_position, limit: 100 });
            let page = self.channel().read_log(request).await.unwrap().into_inner();
            if page.entries.is_empty() {
                assert_eq!(page.top_position, after_position);
                return events;
            }
            for entry in page.entries {
                assert!(entry.position > after_position);
                after_position = entry.position;
                events.push(entry.event.unwrap());
            }
        }
    }

    /// Short names of the facts about a channel, with the user where there is one.
    pub async fn facts(&self, channel: Num) -> Vec<(&'static str, Num)> {
        let log = self.log().await;
        log.iter().filter(|event| event.stream.unwrap().num == channel).map(short).collect()
    }

    pub async fn last_fact(&self) -> Event {
        self.log().await.pop().unwrap()
    }

    pub fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Ends the background loops, so that nothing but the test's own calls runs statements.
    pub async fn quiet(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn short(event: &Event) -> (&'static str, Num) {
    match event.payload.as_ref().unwrap() {
        Payload::ChannelCreated(_) => ("created", 0),
        Payload::ChannelUpdated(_) => ("updated", 0),
        Payload::ChannelDeleted(_) => ("deleted", 0),
        Payload::MemberJoined(fact) => ("joined", fact.user_num),
        Payload::MemberLeft(fact) => ("left", fact.user_num),
        Payload::MemberUpdated(fact) => ("member", fact.user_num),
        other => panic!("not a fact of this service: {other:?}"),
    }
}

pub fn draft(type_name: &str, name: &str, members: &[Num]) -> CreateChannelRequest {
    CreateChannelRequest {
        r#type: type_name.to_owned(),
        name: name.to_owned(),
        member_nums: members.to_vec(),
        ..Default::default()
    }
}

pub fn reason(status: tonic::Status) -> Reason {
    Error::from(status).reason
}

/// Asks again until the answer is there; says what it last was if it never comes.
pub async fn eventually<T: std::fmt::Debug, F: Future<Output = T>>(
    mut ask: impl FnMut() -> F,
    done: impl Fn(&T) -> bool,
) -> T {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let answer = ask().await;
        if done(&answer) {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "it never came; last seen: {answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
