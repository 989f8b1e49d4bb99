use futures_util::future::join_all;
use parlance_core::{Num, Reason};
use parlance_proto::auth::{UpsertUsersRequest, UserInput};
use parlance_proto::channel::CreateInvitesRequest;

use crate::house::House;

fn link(workspace_num: Num, max_uses: u32) -> CreateInvitesRequest {
    CreateInvitesRequest { workspace_num, max_uses, ..Default::default() }
}

fn letters(workspace_num: Num, emails: &[&str]) -> CreateInvitesRequest {
    let emails = emails.iter().map(|&email| email.to_owned()).collect();
    CreateInvitesRequest { workspace_num, emails, ..Default::default() }
}

async fn give_email(house: &House, id: &str, email: &str) {
    let user = UserInput { id: id.into(), email: Some(email.into()), ..Default::default() };
    let request = house.service().request(UpsertUsersRequest { users: vec![user] });
    house.auth().upsert_users(request).await.unwrap();
}

pub async fn no_more_than_it_says(house: &House) {
    let owner = house.users("host", 1).await[0];
    let guests = house.users("guest", 20).await;
    let workspace = house.workspace(owner, "Invited", &[]).await;
    let token = house.invite(owner, link(workspace, 5)).await.unwrap().remove(0);
    let accepted = join_all(guests.iter().map(|&guest| house.accept(guest, &token))).await;
    let joined = accepted.iter().filter(|outcome| **outcome == Ok(true)).count();
    let refused = accepted.iter().filter(|outcome| **outcome == Err(Reason::InviteUsedUp)).count();
    assert_eq!((joined, refused), (5, 15), "{accepted:?}");
    assert_eq!(house.workspace_roles(workspace).await.len(), 6);
    assert_eq!(house.get_workspace(&house.user(owner), workspace).await.unwrap().member_count, 6);
    let told = house.facts(workspace).await;
    assert_eq!(told.iter().filter(|(kind, _)| *kind == "workspace joined").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_in_exactly_as_many_as_it_says_however_many_come_at_once() {
    no_more_than_it_says(&House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_accepts_many_times_at_once_uses_up_one_place() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let workspace = house.workspace(users[0], "W", &[]).await;
    let token = house.invite(users[0], link(workspace, 2)).await.unwrap().remove(0);
    let accepted = join_all((0..10).map(|_| house.accept(users[1], &token))).await;
    assert_eq!(accepted.iter().filter(|outcome| **outcome == Ok(true)).count(), 1, "{accepted:?}");
    assert!(accepted.iter().all(Result::is_ok));
    assert_eq!(house.accept(users[2], &token).await, Ok(true), "the second place is still free");
}

#[tokio::test]
async fn each_refusal_of_an_invite_says_why() {
    let house = House::new().await;
    let users = house.users("u", 4).await;
    let workspace = house.workspace(users[0], "W", &[]).await;
    assert_eq!(house.accept(users[1], "nonsense").await, Err(Reason::InviteNotFound));

    let request = CreateInvitesRequest { expires_in_days: 1, ..link(workspace, 0) };
    let token = house.invite(users[0], request).await.unwrap().remove(0);
    assert_eq!(token.len(), 64);
    house.advance(24 * 3600 - 1);
    assert_eq!(house.accept(users[1], &token).await, Ok(true));
    assert_eq!(house.accept(users[1], &token).await, Ok(false), "a member already");
    house.advance(1);
    assert_eq!(house.accept(users[2], &token).await, Err(Reason::InviteExpired));
    assert_eq!(house.accept(users[1], &token).await, Ok(false));

    let once = house.invite(users[0], link(workspace, 1)).await.unwrap().remove(0);
    assert_eq!(house.accept(users[2], &once).await, Ok(true));
    assert_eq!(house.accept(users[3], &once).await, Err(Reason::InviteUsedUp));

    let foreign = house.new_app().await;
    let spy = house.users_of(foreign, "spy", 1).await[0];
    let open = house.invite(users[0], link(workspace, 0)).await.unwrap().remove(0);
    let context = parlance_rpc::Context::new(parlance_core::Caller::user(foreign, spy));
    let request = parlance_proto::channel::AcceptInviteRequest { token: open };
    let refused = house.channel().accept_invite(context.request(request)).await.unwrap_err();
    assert_eq!(crate::house::reason(refused), Reason::InviteNotFound, "an invite is of one app");
}

#[tokio::test]
async fn an_invite_by_e_mail_is_for_its_address_and_for_once() {
    let house = House::new().await;
    let users = house.users("u", 4).await;
    let workspace = house.workspace(users[0], "W", &[]).await;
    give_email(&house, "u-1", "Ann@Example.org").await;
    give_email(&house, "u-2", "eve@example.org").await;
    let tokens = house.invite(users[0], letters(workspace, &["ann@example.org", "ANN@example.org"])).await;
    let tokens = tokens.unwrap();
    assert_eq!(tokens.len(), 1, "each address once");
    assert_eq!(house.accept(users[2], &tokens[0]).await, Err(Reason::InviteForAnother));
    assert_eq!(house.accept(users[3], &tokens[0]).await, Err(Reason::InviteForAnother), "without an address");
    assert_eq!(house.accept(users[1], &tokens[0]).await, Ok(true));
    assert_eq!(house.accept(users[1], &tokens[0]).await, Ok(false));
    house.expel(users[0], workspace, users[1]).await.unwrap();
    assert_eq!(house.accept(users[1], &tokens[0]).await, Err(Reason::InviteUsedUp), "it does not bring back");
    let mixed = CreateInvitesRequest { max_uses: 3, ..letters(workspace, &["a@b.c"]) };
    assert_eq!(house.invite(users[0], mixed).await, Err(Reason::InvalidArgument));
    let wrong = letters(workspace, &["a@b.c", "nobody"]);
    assert_eq!(house.invite(users[0], wrong).await, Err(Reason::InvalidArgument));
}

#[tokio::test]
async fn nobody_invites_above_his_own_role_and_plain_members_do_not_invite() {
    let house = House::new().await;
    let users = house.users("u", 5).await;
    let workspace = house.workspace(users[0], "W", &[users[2]]).await;
    house.admit(users[0], workspace, &[users[1]], "admin").await.unwrap();
    let as_role = |role: &str| CreateInvitesRequest { role: role.into(), ..link(workspace, 0) };
    assert_eq!(house.invite(users[1], as_role("owner")).await, Err(Reason::RoleTooLow));
    assert_eq!(house.invite(users[2], as_role("")).await, Err(Reason::RoleTooLow));
    assert_eq!(house.invite(users[3], as_role("")).await, Err(Reason::WorkspaceNotFound));
    assert_eq!(house.invite(users[1], as_role("king")).await, Err(Reason::InvalidArgument));
    let token = house.invite(users[0], as_role("owner")).await.unwrap().remove(0);
    house.accept(users[4], &token).await.unwrap();
    let token = house.invite(users[1], as_role("admin")).await.unwrap().remove(0);
    house.accept(users[3], &token).await.unwrap();
    let roles = house.workspace_roles(workspace).await;
    let role = |user| roles.iter().find(|(num, _)| *num == user).unwrap().1.as_str();
    assert_eq!((role(users[4]), role(users[3])), ("owner", "admin"));
}

#[tokio::test]
async fn invites_go_with_their_workspace_and_with_their_maker() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let workspace = house.workspace(users[0], "W", &[]).await;
    house.admit(users[0], workspace, &[users[1]], "admin").await.unwrap();
    let token = house.invite(users[1], link(workspace, 0)).await.unwrap().remove(0);
    house.delete_user("u-1").await;
    assert_eq!(house.accept(users[2], &token).await, Err(Reason::InviteNotFound));
    let token = house.invite(users[0], link(workspace, 0)).await.unwrap().remove(0);
    let request = parlance_proto::channel::DeleteWorkspaceRequest { workspace_num: workspace };
    house.channel().delete_workspace(house.user(users[0]).request(request)).await.unwrap();
    assert_eq!(house.accept(users[2], &token).await, Err(Reason::InviteNotFound));
}

#[tokio::test]
async fn an_invite_gives_away_no_more_than_its_maker_still_has() {
    let house = House::new().await;
    let users = house.users("u", 4).await;
    let (alice, bob, carol) = (users[0], users[1], users[2]);
    let workspace = house.workspace(alice, "W", &[bob, carol]).await;
    house.appoint(alice, workspace, bob, "owner").await.unwrap();
    let of_owner = CreateInvitesRequest { role: "owner".into(), ..link(workspace, 0) };
    let of_owner = house.invite(bob, of_owner).await.unwrap().remove(0);
    let of_member = house.invite(bob, link(workspace, 0)).await.unwrap().remove(0);

    house.appoint(alice, workspace, bob, "admin").await.unwrap();
    assert_eq!(
        house.accept(users[3], &of_owner).await,
        Err(Reason::InviteNotFound),
        "he is no owner any more"
    );
    assert_eq!(house.accept(users[3], &of_member).await, Ok(true), "admins invite members");
    house.expel(alice, workspace, bob).await.unwrap();
    assert_eq!(house.accept(bob, &of_owner).await, Err(Reason::InviteNotFound));
    assert_eq!(
        house.accept(bob, &of_member).await,
        Err(Reason::InviteNotFound),
        "nor does he let himself in"
    );
}
