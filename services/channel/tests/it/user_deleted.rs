use parlance_core::Reason;
use parlance_proto::auth::DeleteUsersRequest;
use parlance_proto::channel::Action;

use parlance_testkit::wait_until;

use crate::house::{House, draft};

pub async fn memberships_end(house: &House) {
    let users = house.users("mortal", 3).await;
    let group = house.create(users[0], "group", "g", &[users[1], users[2]]).await.num;
    let alone = house.create(users[0], "group", "alone", &[]).await.num;
    let direct = house.create(users[0], "messaging", "", &[users[1]]).await.num;
    let untouched = house.create(users[1], "group", "other", &[users[2]]).await.num;
    let version = house.policy_version(direct).await;

    let request = DeleteUsersRequest { ids: vec!["mortal-0".into()] };
    house.auth().delete_users(house.service().request(request)).await.unwrap();
    let service = house.service();
    wait_until(
        "the direct channel to freeze",
        async || house.get(&service, direct).await,
        |channel| channel.as_ref().is_some_and(|channel| channel.frozen && channel.member_count == 1),
    )
    .await;

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
