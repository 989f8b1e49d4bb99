use std::time::Duration;

use parlance_core::Reason;
use parlance_proto::auth::DeleteUsersRequest;
use parlance_proto::channel::{Action, AwaitFactsRequest};
use parlance_rpc::Context;

use crate::house::{House, draft, reason};

pub async fn memberships_end(house: &House) {
    let users = house.users("mortal", 3).await;
    let group = house.create(users[0], "group", "g", &[users[1], users[2]]).await.num;
    let alone = house.create(users[0], "group", "alone", &[]).await.num;
    let direct = house.create(users[0], "messaging", "", &[users[1]]).await.num;
    let untouched = house.create(users[1], "group", "other", &[users[2]]).await.num;
    let version = house.policy_version(direct).await;

    let request = DeleteUsersRequest { ids: vec!["mortal-0".into()] };
    let deleted = house.auth().delete_users(house.service().request(request)).await.unwrap().into_inner();
    let request = AwaitFactsRequest { service: "auth".into(), log_position: deleted.log_position };
    let reached = house.channel().await_facts(house.service().request(request)).await.unwrap().into_inner();
    assert_eq!(reached.log_position, house.log().await.len() as u64, "all that follows is stated by then");

    let frozen = house.get(&house.service(), direct).await.unwrap();
    assert_eq!((frozen.frozen, frozen.member_count), (true, 1));

    assert_eq!(
        house.facts(group).await[1..],
        [("left", users[0]), ("member", house.roles(group).await[0].0)]
    );
    assert_eq!(house.roles(group).await[0].1, "owner");
    assert_eq!(house.facts(alone).await[1..], [("left", users[0]), ("deleted", 0)]);
    assert!(house.get(&house.service(), alone).await.is_none());
    assert_eq!(house.facts(direct).await[1..], [("left", users[0]), ("updated", 0)]);
    assert!(house.policy_version(direct).await > version);
    let send = house.authorize(direct, users[1], Action::Send, false).await.unwrap();
    assert_eq!(send.reason, "CHANNEL_FROZEN");
    assert!(house.authorize(direct, users[1], Action::Read, false).await.unwrap().allowed);
    assert_eq!(house.facts(untouched).await, [("created", 0)]);
    let refused = house.try_create(users[2], draft("messaging", "", &[users[0]])).await.unwrap_err();
    assert_eq!(refused, Reason::UserNotFound);
}

#[tokio::test]
async fn a_deleted_user_leaves_everything_and_his_direct_channels_freeze() {
    memberships_end(&House::new().await).await;
}

#[tokio::test]
async fn facts_that_do_not_arrive_are_awaited_no_longer_than_the_caller_waits() {
    let house = House::new().await;
    let ask = async |service: &str, context: Context| {
        let request = AwaitFactsRequest { service: service.into(), log_position: 1_000_000 };
        reason(house.channel().await_facts(context.request(request)).await.unwrap_err())
    };
    let soon = house.service().with_timeout(Duration::from_millis(20));
    assert_eq!(ask("auth", soon).await, Reason::DeadlinePassed);
    assert_eq!(ask("message", house.service()).await, Reason::InvalidArgument);
}
