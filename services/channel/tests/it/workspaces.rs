use futures_util::future::join_all;
use parlance_core::{Caller, Micros, Num, Reason};
use parlance_proto::channel::*;
use parlance_proto::event::event::Payload;
use parlance_rpc::Context;

use crate::house::{House, draft, reason};

fn within(workspace_num: Num, type_name: &str, name: &str, members: &[Num]) -> CreateChannelRequest {
    CreateChannelRequest { workspace_num, ..draft(type_name, name, members) }
}

async fn channel_in(house: &House, creator: Num, workspace: Num, type_name: &str, members: &[Num]) -> Num {
    let request = within(workspace, type_name, type_name, members);
    house.try_create(creator, request).await.unwrap().channel.unwrap().num
}

async fn listed(house: &House, user: Num, workspace_num: Num) -> Result<Vec<Num>, Reason> {
    let request = house.user(user).request(ListChannelsRequest { workspace_num, ..Default::default() });
    let reply = house.channel().list_channels(request).await.map_err(reason)?.into_inner();
    let mut nums: Vec<Num> = reply.channels.into_iter().map(|channel| channel.num).collect();
    nums.sort_unstable();
    Ok(nums)
}

async fn own(house: &House, user: Num) -> Vec<Workspace> {
    let request = house.user(user).request(ListWorkspacesRequest::default());
    house.channel().list_workspaces(request).await.unwrap().into_inner().workspaces
}

async fn delete(house: &House, user: Num, workspace_num: Num) -> Result<(), Reason> {
    let request = house.user(user).request(DeleteWorkspaceRequest { workspace_num });
    house.channel().delete_workspace(request).await.map(drop).map_err(reason)
}

pub async fn one_name(house: &House) {
    let users = house.users("founder", 10).await;
    let names = ["Core", "core ", " CORE"].into_iter().cycle();
    let made = join_all(users.iter().zip(names).map(|(&user, name)| house.try_workspace(user, name))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    let taken = |made: &&Result<Workspace, Reason>| matches!(made, Err(Reason::WorkspaceNameTaken));
    assert_eq!(made.iter().filter(taken).count(), 9);
    let first = made.into_iter().find_map(Result::ok).unwrap();
    let owner = first.creator_num;
    let other = house.try_workspace(owner, "Other").await.unwrap();
    let rename =
        UpdateWorkspaceRequest { workspace_num: other.num, name: Some("CORE".into()), ..Default::default() };
    let refused = house.channel().update_workspace(house.user(owner).request(rename)).await.unwrap_err();
    assert_eq!(reason(refused), Reason::WorkspaceNameTaken);
    delete(house, owner, first.num).await.unwrap();
    house.try_workspace(owner, "core").await.expect("the name of a deleted one is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_take_a_name_at_once_one_gets_it() {
    one_name(&House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_makes_one_workspace() {
    let house = House::new().await;
    let user = house.users("u", 1).await[0];
    let request =
        CreateWorkspaceRequest { name: "Once".into(), idempotency_key: "k".into(), ..Default::default() };
    let made = join_all((0..10).map(|_| async {
        let request = house.user(user).request(request.clone());
        house.channel().create_workspace(request).await.unwrap().into_inner()
    }))
    .await;
    assert_eq!(made.iter().filter(|reply| reply.created).count(), 1);
    let num = made[0].workspace.as_ref().unwrap().num;
    assert!(made.iter().all(|reply| reply.workspace.as_ref().unwrap().num == num));
    assert_eq!(house.facts(num).await, [("workspace created", 0)]);
}

#[tokio::test]
async fn the_first_workspace_of_a_user_is_his_default_until_he_leaves_it() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let first = house.workspace(users[0], "First", &[users[1]]).await;
    house.advance(1);
    let second = house.workspace(users[1], "Second", &[]).await;
    let shown: Vec<_> = own(&house, users[1]).await;
    let shown: Vec<_> = shown.iter().map(|w| (w.num, w.is_default, role(w))).collect();
    assert_eq!(shown, [(first, true, "member"), (second, false, "owner")]);
    house.expel(users[1], first, users[1]).await.unwrap();
    assert!(own(&house, users[1]).await[0].is_default);
    assert!(house.get_workspace(&house.user(users[1]), first).await.is_none());
}

fn role(workspace: &Workspace) -> &str {
    workspace.membership.as_ref().map_or("", |member| &member.role)
}

#[tokio::test]
async fn fields_are_checked_and_changes_are_told_to_all_members() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    for wrong in [
        CreateWorkspaceRequest::default(),
        CreateWorkspaceRequest { name: " ".into(), ..Default::default() },
        CreateWorkspaceRequest { name: "x".repeat(256), ..Default::default() },
        CreateWorkspaceRequest { name: "x".into(), r#type: "club".into(), ..Default::default() },
        CreateWorkspaceRequest { name: "x".into(), image: "here".into(), ..Default::default() },
        CreateWorkspaceRequest { name: "x".into(), config: "[]".into(), ..Default::default() },
        CreateWorkspaceRequest {
            name: "x".into(),
            expires_at: Some(house.now().timestamp()),
            ..Default::default()
        },
    ] {
        let refused =
            house.channel().create_workspace(house.user(users[0]).request(wrong)).await.unwrap_err();
        assert_eq!(reason(refused), Reason::InvalidArgument);
    }
    let num = house.workspace(users[0], "W", &users[1..]).await;
    let change = |name: &str| UpdateWorkspaceRequest {
        workspace_num: num,
        name: Some(name.into()),
        r#type: Some("project".into()),
        config: Some(r#"{"theme":"dark"}"#.into()),
        ..Default::default()
    };
    let refused = house.channel().update_workspace(house.user(users[1]).request(change("X"))).await;
    assert_eq!(reason(refused.unwrap_err()), Reason::RoleTooLow);
    let changed = house.channel().update_workspace(house.user(users[0]).request(change("X"))).await.unwrap();
    let changed = changed.into_inner().workspace.unwrap();
    assert_eq!((changed.name.as_str(), changed.r#type.as_str()), ("X", "project"));
    let Some(Payload::WorkspaceUpdated(fact)) = house.last_fact().await.payload else { panic!() };
    assert_eq!(fact.told_nums, users);
    let before = house.log().await.len();
    house.channel().update_workspace(house.user(users[0]).request(change("X"))).await.unwrap();
    assert_eq!(house.log().await.len(), before, "no change, no fact");
}

pub async fn last_owners(house: &House) {
    let users = house.users("owner", 2).await;
    for round in 0..5 {
        let name = format!("Race {round}");
        let workspace = house.workspace(users[0], &name, &[]).await;
        house.admit(users[0], workspace, &[users[1]], "owner").await.unwrap();
        let (one, other) = match round % 2 {
            0 => tokio::join!(async { house.expel(users[0], workspace, users[0]).await.map(drop) }, async {
                house.expel(users[1], workspace, users[1]).await.map(drop)
            }),
            _ => tokio::join!(
                async { house.appoint(users[0], workspace, users[0], "member").await.map(drop) },
                async { house.appoint(users[1], workspace, users[1], "member").await.map(drop) }
            ),
        };
        let outcomes = [one, other];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err(Reason::LastOwner)), "{outcomes:?}");
        let owners = house.workspace_roles(workspace).await;
        assert_eq!(owners.iter().filter(|(_, role)| role == "owner").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_go_at_once_leave_one() {
    last_owners(&House::new().await).await;
}

#[tokio::test]
async fn roles_decide_who_changes_whom() {
    let house = House::new().await;
    let users = house.users("u", 5).await;
    let workspace = house.workspace(users[0], "W", &[users[2], users[3]]).await;
    house.admit(users[0], workspace, &[users[1]], "admin").await.unwrap();
    let (owner, admin, member, other, stranger) = (users[0], users[1], users[2], users[3], users[4]);
    let low = Err(Reason::RoleTooLow);
    assert_eq!(house.appoint(admin, workspace, member, "owner").await.map(drop), low);
    assert_eq!(house.appoint(admin, workspace, owner, "member").await.map(drop), low);
    assert_eq!(house.appoint(member, workspace, other, "admin").await.map(drop), low);
    assert_eq!(house.appoint(member, workspace, member, "admin").await.map(drop), low, "no self-promotion");
    assert_eq!(house.admit(member, workspace, &[stranger], "").await.map(drop), low);
    assert_eq!(house.admit(admin, workspace, &[stranger], "owner").await.map(drop), low);
    assert_eq!(house.expel(admin, workspace, owner).await.map(drop), low);
    assert_eq!(house.expel(member, workspace, other).await.map(drop), low);
    assert_eq!(house.appoint(owner, workspace, owner, "admin").await.map(drop), Err(Reason::LastOwner));
    assert_eq!(house.expel(owner, workspace, owner).await.map(drop), Err(Reason::LastOwner));
    assert_eq!(
        house.appoint(owner, workspace, stranger, "admin").await.map(drop),
        Err(Reason::MemberNotFound)
    );
    assert_eq!(house.expel(stranger, workspace, member).await.map(drop), Err(Reason::WorkspaceNotFound));
    assert_eq!(delete(&house, admin, workspace).await, low);
    assert_eq!(delete(&house, stranger, workspace).await, Err(Reason::WorkspaceNotFound));
    assert_eq!(house.appoint(admin, workspace, member, "admin").await.unwrap().role, "admin");
    assert_eq!(house.appoint(admin, workspace, admin, "member").await.unwrap().role, "member");
    assert_eq!(house.expel(owner, workspace, stranger).await, Ok(false));
    assert_eq!(house.expel(member, workspace, other).await, Ok(true));
}

#[tokio::test]
async fn channels_of_a_workspace_are_made_by_members_for_members() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let workspace = house.workspace(users[0], "W", &[users[1]]).await;
    let stranger = house.try_create(users[2], within(workspace, "group", "g", &[])).await;
    assert_eq!(stranger.unwrap_err(), Reason::WorkspaceNotFound);
    let outside = house.try_create(users[0], within(workspace, "group", "g", &[users[2]])).await;
    assert_eq!(outside.unwrap_err(), Reason::NotInWorkspace);
    let group = channel_in(&house, users[0], workspace, "group", &[users[1]]).await;
    assert_eq!(house.add(users[0], group, &[users[2]], "").await, Err(Reason::NotInWorkspace));
    let shown = house.get_workspace(&house.user(users[1]), workspace).await.unwrap();
    assert_eq!((shown.member_count, shown.channel_count), (2, 1));
    assert_eq!(house.get(&house.service(), group).await.unwrap().workspace_num, workspace);
    house.delete(users[0], group).await.unwrap();
    assert_eq!(house.get_workspace(&house.user(users[1]), workspace).await.unwrap().channel_count, 0);
}

#[tokio::test]
async fn open_channels_of_a_workspace_are_open_to_its_members_alone() {
    let house = House::new().await;
    let users = house.users("u", 4).await;
    let (owner, inside, outside) = (users[0], users[1], users[2]);
    let workspace = house.workspace(owner, "W", &[inside]).await;
    let elsewhere = house.workspace(users[3], "Elsewhere", &[outside]).await;
    let open = channel_in(&house, owner, workspace, "public", &[]).await;
    let Some(Payload::ChannelCreated(fact)) = house.last_fact().await.payload else { panic!() };
    assert!(!fact.discoverable, "the app at large is not told");
    assert_eq!((fact.member_nums, fact.announced_nums), (vec![owner], vec![inside]));
    let plain = house.create(owner, "public", "plain", &[]).await.num;

    assert_eq!(listed(&house, inside, 0).await.unwrap(), [open, plain]);
    assert_eq!(listed(&house, inside, workspace).await.unwrap(), [open]);
    assert_eq!(listed(&house, outside, 0).await.unwrap(), [plain]);
    assert_eq!(listed(&house, outside, elsewhere).await.unwrap(), [] as [Num; 0]);
    assert_eq!(listed(&house, outside, workspace).await, Err(Reason::NotInWorkspace));
    assert_eq!(listed(&house, inside, 4711).await, Err(Reason::WorkspaceNotFound));
    for (user, sees) in [(inside, true), (outside, false)] {
        assert_eq!(house.get(&house.user(user), open).await.is_some(), sees);
        let request = ListMembersRequest { channel_num: open, limit: 0, offset: 0 };
        let members = house.channel().list_members(house.user(user).request(request)).await;
        assert_eq!(members.is_ok(), sees);
        assert_eq!(house.authorize(open, user, Action::Read, false).await.unwrap().allowed, sees);
        let question = authorize_many_request::Question {
            channel_num: open,
            user_num: user,
            action: Action::Read.into(),
        };
        let request = house.service().request(AuthorizeManyRequest { questions: vec![question] });
        let answers = house.channel().authorize_many(request).await.unwrap().into_inner().answers;
        assert_eq!(answers[0].allowed, sees);
    }
    let refused = house.authorize(open, outside, Action::Send, true).await.unwrap();
    assert_eq!((refused.allowed, refused.reason.as_str()), (false, "NOT_A_MEMBER"));
    assert_eq!(house.add(outside, open, &[outside], "").await, Err(Reason::NotAMember));
    let joined = house.authorize(open, inside, Action::Send, true).await.unwrap();
    assert!(joined.allowed && joined.member.is_some());
    assert_eq!(house.get(&house.user(inside), open).await.unwrap().member_count, 2);
}

#[tokio::test]
async fn who_leaves_a_workspace_leaves_its_channels_and_what_he_could_only_read() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let (owner, leaver) = (users[0], users[1]);
    let workspace = house.workspace(owner, "W", &[leaver, users[2]]).await;
    let group = channel_in(&house, leaver, workspace, "group", &[users[2]]).await;
    let open = channel_in(&house, owner, workspace, "public", &[]).await;
    let direct = channel_in(&house, owner, workspace, "messaging", &[leaver]).await;
    let elsewhere = house.create(owner, "group", "elsewhere", &[leaver]).await.num;
    let before = house.policy_version(open).await;

    assert_eq!(house.expel(owner, workspace, leaver).await, Ok(true));
    assert_eq!(house.expel(owner, workspace, leaver).await, Ok(false), "once is enough");
    assert_eq!(
        house.expel(leaver, workspace, leaver).await,
        Ok(false),
        "nor has he to leave what he has left"
    );
    assert_eq!(house.roles(group).await, [(users[2], "owner".to_owned())], "somebody else owns it now");
    assert!(house.policy_version(open).await > before, "what was remembered of him does not hold");
    assert_eq!(house.facts(open).await[1..], [("policy", 0)]);
    assert!(!house.authorize(open, leaver, Action::Read, false).await.unwrap().allowed);
    assert_eq!(
        listed(&house, leaver, 0).await.unwrap(),
        [direct, elsewhere],
        "what is not the workspace's stays"
    );
    assert!(house.authorize(direct, leaver, Action::Send, false).await.unwrap().allowed);
    let Some(Payload::WorkspaceMemberLeft(fact)) = house.last_fact().await.payload else { panic!() };
    assert_eq!((fact.user_num, fact.member_count, fact.removed), (leaver, 2, true));
    assert_eq!(fact.told_nums, [owner, users[2], leaver]);
}

#[tokio::test]
async fn a_deleted_workspace_takes_its_channels_along_and_leaves_direct_ones() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let workspace = house.workspace(users[0], "W", &users[1..]).await;
    let group = channel_in(&house, users[0], workspace, "group", &[users[1]]).await;
    let direct = channel_in(&house, users[0], workspace, "messaging", &[users[1]]).await;
    delete(&house, users[0], workspace).await.unwrap();
    assert!(house.get(&house.service(), group).await.is_none());
    assert_eq!(house.facts(group).await[1..], [("deleted", 0)]);
    assert_eq!(house.get(&house.service(), direct).await.unwrap().workspace_num, 0);
    assert!(own(&house, users[1]).await.is_empty());
    assert_eq!(listed(&house, users[0], workspace).await, Err(Reason::WorkspaceNotFound));
    let Some(Payload::WorkspaceDeleted(fact)) = house.last_fact().await.payload else { panic!() };
    assert_eq!(fact.told_nums, users);
}

#[tokio::test]
async fn a_workspace_that_is_over_takes_in_nobody_and_no_channel_and_goes_on_else() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let workspace = house.workspace(users[0], "W", &[users[1]]).await;
    let group = channel_in(&house, users[0], workspace, "group", &[users[1]]).await;
    let token = house.invite(users[0], invite(workspace)).await.unwrap().remove(0);
    let ends = UpdateWorkspaceRequest {
        workspace_num: workspace,
        expires_at: Some(Micros(house.now().0 + 60_000_000).timestamp()),
        ..Default::default()
    };
    house.channel().update_workspace(house.user(users[0]).request(ends)).await.unwrap();
    house.advance(60);
    let over = Err(Reason::WorkspaceExpired);
    assert_eq!(house.admit(users[0], workspace, &[users[2]], "").await.map(drop), over);
    assert_eq!(house.accept(users[2], &token).await.map(drop), over);
    assert_eq!(house.invite(users[0], invite(workspace)).await.map(drop), over);
    let made = house.try_create(users[1], within(workspace, "group", "late", &[])).await;
    assert_eq!(made.map(drop), over);
    assert!(house.authorize(group, users[1], Action::Send, false).await.unwrap().allowed);
    assert_eq!(listed(&house, users[1], workspace).await.unwrap(), [group]);
    let again =
        UpdateWorkspaceRequest { workspace_num: workspace, never_expires: true, ..Default::default() };
    house.channel().update_workspace(house.user(users[0]).request(again)).await.unwrap();
    assert_eq!(house.accept(users[2], &token).await, Ok(true));
}

fn invite(workspace_num: Num) -> CreateInvitesRequest {
    CreateInvitesRequest { workspace_num, ..Default::default() }
}

#[tokio::test]
async fn a_deleted_user_leaves_his_workspaces_and_hands_them_on() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let shared = house.workspace(users[0], "Shared", &[users[1]]).await;
    let alone = house.workspace(users[0], "Alone", &[]).await;
    let group = channel_in(&house, users[0], alone, "group", &[]).await;
    house.delete_user("u-0").await;
    assert_eq!(house.workspace_roles(shared).await, [(users[1], "owner".to_owned())]);
    assert!(house.get_workspace(&house.service(), alone).await.is_none());
    assert!(house.get(&house.service(), group).await.is_none());
    assert_eq!(own(&house, users[1]).await[0].member_count, 1);
}

pub async fn leaving_and_joining(house: &House) {
    let owner = house.users("keeper", 1).await[0];
    let users = house.users("mover", 6).await;
    let workspace = house.workspace(owner, "Moving", &users).await;
    let open = channel_in(house, owner, workspace, "public", &[]).await;
    let moves = users.iter().map(|&user| async move {
        let (gone, joined) = tokio::join!(
            house.expel(owner, workspace, user),
            house.authorize(open, user, Action::Send, true)
        );
        gone.unwrap();
        joined.unwrap();
    });
    join_all(moves).await;
    assert_eq!(house.workspace_roles(workspace).await, [(owner, "owner".to_owned())]);
    assert_eq!(house.roles(open).await, [(owner, "owner".to_owned())], "nobody stays who is not inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_sent_away_while_he_joins_a_channel_is_not_left_in_it() {
    leaving_and_joining(&House::new().await).await;
}

#[tokio::test]
async fn a_foreign_app_sees_no_workspace_whatever_it_asks() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let workspace_num = house.workspace(users[0], "W", &[]).await;
    let foreign = house.new_app().await;
    let spy = house.users_of(foreign, "u", 1).await[0];
    // Even with a num that is the owner's in the other app.
    for user_num in [spy, users[0]] {
        let user = Context::new(Caller::user(foreign, user_num));
        let mut channel = house.channel();
        let user_nums = vec![spy];
        let refusals = [
            channel
                .update_workspace(
                    user.request(UpdateWorkspaceRequest { workspace_num, ..Default::default() }),
                )
                .await
                .map(drop),
            channel.delete_workspace(user.request(DeleteWorkspaceRequest { workspace_num })).await.map(drop),
            channel
                .list_workspace_members(
                    user.request(ListWorkspaceMembersRequest { workspace_num, ..Default::default() }),
                )
                .await
                .map(drop),
            channel
                .add_workspace_members(user.request(AddWorkspaceMembersRequest {
                    workspace_num,
                    user_nums,
                    ..Default::default()
                }))
                .await
                .map(drop),
            channel
                .update_workspace_member(user.request(UpdateWorkspaceMemberRequest {
                    workspace_num,
                    user_num: users[0],
                    role: "member".into(),
                }))
                .await
                .map(drop),
            channel
                .remove_workspace_member(
                    user.request(RemoveWorkspaceMemberRequest { workspace_num, user_num: users[0] }),
                )
                .await
                .map(drop),
            channel.create_invites(user.request(invite(workspace_num))).await.map(drop),
            channel.create_channel(user.request(within(workspace_num, "group", "g", &[]))).await.map(drop),
            channel
                .list_channels(user.request(ListChannelsRequest { workspace_num, ..Default::default() }))
                .await
                .map(drop),
        ];
        for (call, refusal) in refusals.into_iter().enumerate() {
            assert_eq!(reason(refusal.unwrap_err()), Reason::WorkspaceNotFound, "call {call}");
        }
        let request = GetWorkspacesRequest { nums: vec![workspace_num] };
        assert!(
            channel.get_workspaces(user.request(request)).await.unwrap().into_inner().workspaces.is_empty()
        );
        let listed = channel.list_workspaces(user.request(ListWorkspacesRequest::default())).await.unwrap();
        assert!(listed.into_inner().workspaces.is_empty());
    }
    let context = Context::new(Caller::user(foreign, spy));
    let request = CreateWorkspaceRequest { name: "W".into(), ..Default::default() };
    house.channel().create_workspace(context.request(request)).await.expect("names are an app's own");
}

#[tokio::test]
async fn a_repeated_key_shows_nothing_to_a_creator_who_was_sent_away() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let (owner, maker) = (users[0], users[1]);
    let keyed =
        CreateWorkspaceRequest { idempotency_key: "w".into(), name: "Own".into(), ..Default::default() };
    let create = async || house.channel().create_workspace(house.user(maker).request(keyed.clone())).await;
    let own = create().await.unwrap().into_inner().workspace.unwrap().num;
    house.admit(maker, own, &[owner], "owner").await.unwrap();
    assert_eq!(house.expel(maker, own, maker).await, Ok(true));
    assert_eq!(reason(create().await.unwrap_err()), Reason::WorkspaceNotFound);

    let workspace = house.workspace(owner, "W", &[maker, users[2]]).await;
    for (type_name, shown) in [("group", false), ("public", false)] {
        let key = type_name.to_owned();
        let request = CreateChannelRequest {
            idempotency_key: key,
            ..within(workspace, type_name, type_name, &[users[2]])
        };
        house.try_create(maker, request.clone()).await.unwrap();
        assert!(!house.try_create(maker, request.clone()).await.unwrap().created);
        house.expel(owner, workspace, maker).await.unwrap();
        assert_eq!(house.try_create(maker, request).await.is_ok(), shown, "{type_name}");
        house.admit(owner, workspace, &[maker], "member").await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_nothing_but_an_empty_kind_is_refused() {
    let house = House::new().await;
    let owner = house.users("u", 1).await[0];
    let workspace_num = house.workspace(owner, "W", &[]).await;
    let request = UpdateWorkspaceRequest { workspace_num, r#type: Some(String::new()), ..Default::default() };
    let refused = house.channel().update_workspace(house.user(owner).request(request)).await.unwrap_err();
    assert_eq!(reason(refused), Reason::InvalidArgument);
}
