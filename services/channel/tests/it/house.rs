//! Auth and channel in process, on stores of their own, with a clock that stands still.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus};
use parlance_core::{Caller, Clock, Error, ManualClock, Micros, Num, Reason};
use parlance_proto::auth::{CreateAppRequest, DeleteUsersRequest, UpsertUsersRequest, UserInput};
use parlance_proto::channel::channel_service_server::ChannelServiceServer;
use parlance_proto::channel::*;
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, ReadLogRequest};
use parlance_rpc::{AuthClient, ChannelClient, Context, Credentials, Transport, in_process, serve};
use parlance_sql::Store;
use parlance_testkit::{PostgresStore, TempStore, postgres_store, temp_store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use uuid::Uuid;

pub struct House {
    pub app: Uuid,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    auth: AuthClient,
    channel: ChannelClient,
    tasks: TaskTracker,
    stop: CancellationToken,
    outside: ChannelClient,
    place: Option<Place>,
    _auth_store: TempStore,
}

/// What holds the service's store.
enum Place {
    File { _store: TempStore },
    Postgres(PostgresStore),
}

impl House {
    pub async fn new() -> Self {
        let store = temp_store(parlance_channel::migrate).await;
        Self::on(store.clone(), Some(Place::File { _store: store })).await
    }

    /// On the PostgreSQL that the environment names, if it does, in a schema of its own.
    pub async fn on_postgres() -> Option<Self> {
        let store = postgres_store(parlance_channel::migrate).await?;
        Some(Self::on(store.clone(), Some(Place::Postgres(store))).await)
    }

    /// On a store of the test's own, which goes with its server.
    pub async fn at(store: Store) -> Self {
        parlance_channel::migrate(&store).await.unwrap();
        Self::on(store, None).await
    }

    async fn on(store: Store, place: Option<Place>) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new());
        let clock = Arc::new(ManualClock::at(Micros::from_secs(1_790_000_000)));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let auth_store = temp_store(parlance_auth::migrate).await;
        let auth = parlance_auth::start(parlance_auth::Dependencies {
            store: auth_store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            master_key: [7; 32],
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let auth = AuthClient::new(in_process(serve(auth.await.unwrap(), None, None)));
        parlance_channel::migrate(&store).await.expect("migrating twice changes nothing");
        let channel = parlance_channel::start(parlance_channel::Dependencies {
            store: store.clone(),
            bus,
            clock: clock.clone(),
            auth: auth.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let channel = channel.await.unwrap();
        let outside = ChannelClient::new(from_outside(channel.clone()));
        let channel = ChannelClient::new(in_process(serve(channel, None, None)));
        let app = Uuid::nil();
        let _auth_store = auth_store;
        let mut house = Self { app, clock, store, auth, channel, tasks, stop, outside, place, _auth_store };
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

    /// A client that is no service of ours; whoever it claims to be by `Bearer <app>:<num>`, it is.
    pub fn outside(&self) -> ChannelClient {
        self.outside.clone()
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
        let request = context.request(GetChannelsRequest { nums: vec![num], ..Default::default() });
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

    pub async fn try_workspace(&self, creator: Num, name: &str) -> Result<Workspace, Reason> {
        let request = CreateWorkspaceRequest { name: name.to_owned(), ..Default::default() };
        let reply = self.channel().create_workspace(self.user(creator).request(request)).await;
        reply.map(|reply| reply.into_inner().workspace.unwrap()).map_err(reason)
    }

    /// A workspace with these plain members.
    pub async fn workspace(&self, creator: Num, name: &str, members: &[Num]) -> Num {
        let num = self.try_workspace(creator, name).await.unwrap().num;
        if !members.is_empty() {
            assert_eq!(self.admit(creator, num, members, "").await.unwrap(), members);
        }
        num
    }

    pub async fn admit(
        &self,
        caller: Num,
        workspace_num: Num,
        users: &[Num],
        role: &str,
    ) -> Result<Vec<Num>, Reason> {
        let request =
            AddWorkspaceMembersRequest { workspace_num, user_nums: users.to_vec(), role: role.to_owned() };
        let reply = self.channel().add_workspace_members(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().added_nums).map_err(reason)
    }

    pub async fn expel(&self, caller: Num, workspace_num: Num, user_num: Num) -> Result<bool, Reason> {
        let request = RemoveWorkspaceMemberRequest { workspace_num, user_num };
        let reply = self.channel().remove_workspace_member(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().removed).map_err(reason)
    }

    pub async fn appoint(
        &self,
        caller: Num,
        workspace_num: Num,
        user_num: Num,
        role: &str,
    ) -> Result<WorkspaceMember, Reason> {
        let request = UpdateWorkspaceMemberRequest { workspace_num, user_num, role: role.to_owned() };
        let reply = self.channel().update_workspace_member(self.user(caller).request(request)).await;
        reply.map(|reply| reply.into_inner().member.unwrap()).map_err(reason)
    }

    pub async fn get_workspace(&self, context: &Context, num: Num) -> Option<Workspace> {
        let request = context.request(GetWorkspacesRequest { nums: vec![num] });
        self.channel().get_workspaces(request).await.unwrap().into_inner().workspaces.pop()
    }

    /// Members of a workspace by num, with their roles, in order.
    pub async fn workspace_roles(&self, workspace_num: Num) -> Vec<(Num, String)> {
        let request = ListWorkspaceMembersRequest { workspace_num, limit: 1000, offset: 0 };
        let reply = self.channel().list_workspace_members(self.service().request(request)).await.unwrap();
        let reply = reply.into_inner();
        assert_eq!(reply.member_count as usize, reply.members.len());
        reply.members.into_iter().map(|member| (member.user_num, member.role)).collect()
    }

    pub async fn invite(&self, caller: Num, request: CreateInvitesRequest) -> Result<Vec<String>, Reason> {
        let reply = self.channel().create_invites(self.user(caller).request(request)).await;
        let tokens = |reply: tonic::Response<CreateInvitesResponse>| {
            reply.into_inner().invites.into_iter().map(|invite| invite.token).collect()
        };
        reply.map(tokens).map_err(reason)
    }

    /// Whether the user is a member from now on and was none before.
    pub async fn accept(&self, user: Num, token: &str) -> Result<bool, Reason> {
        let request = AcceptInviteRequest { token: token.to_owned() };
        let reply = self.channel().accept_invite(self.user(user).request(request)).await;
        reply.map(|reply| reply.into_inner().joined).map_err(reason)
    }

    pub async fn block(&self, user: Num, user_num: Num) -> Result<bool, Reason> {
        let reply = self.channel().block_user(self.user(user).request(BlockUserRequest { user_num })).await;
        reply.map(|reply| reply.into_inner().blocked).map_err(reason)
    }

    pub async fn unblock(&self, user: Num, user_num: Num) -> bool {
        let request = self.user(user).request(UnblockUserRequest { user_num });
        self.channel().unblock_user(request).await.unwrap().into_inner().unblocked
    }

    /// Deletes a user by id, and waits until that has had its effect.
    pub async fn delete_user(&self, id: &str) {
        let request = DeleteUsersRequest { ids: vec![id.to_owned()] };
        let deleted = self.auth().delete_users(self.service().request(request)).await.unwrap().into_inner();
        let request = AwaitFactsRequest { service: "auth".into(), log_position: deleted.log_position };
        self.channel().await_facts(self.service().request(request)).await.unwrap();
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

    /// Leaves nothing on the server.
    pub async fn tear_down(mut self) {
        self.quiet().await;
        if let Some(Place::Postgres(store)) = self.place.take() {
            store.remove().await;
        }
    }
}

fn from_outside(server: ChannelServiceServer<parlance_channel::Rpc>) -> Transport {
    let served = serve(server, Some(Arc::new(|shown| Box::pin(async move { believe(shown) }))), None);
    Transport::new(served.map_err(|never: Infallible| match never {}))
}

fn believe(shown: Credentials) -> parlance_core::Result<Caller> {
    let claim = shown.token.as_deref().and_then(|token| token.split_once(':'));
    let (app, num) = claim.ok_or_else(|| Error::new(Reason::CredentialsMissing, "no token"))?;
    Ok(Caller { trusted: false, ..Caller::user(app.parse().unwrap(), num.parse().unwrap()) })
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
        Payload::PolicyRaised(_) => ("policy", 0),
        Payload::WorkspaceCreated(_) => ("workspace created", 0),
        Payload::WorkspaceUpdated(_) => ("workspace updated", 0),
        Payload::WorkspaceDeleted(_) => ("workspace deleted", 0),
        Payload::WorkspaceMemberJoined(fact) => ("workspace joined", fact.user_num),
        Payload::WorkspaceMemberLeft(fact) => ("workspace left", fact.user_num),
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
