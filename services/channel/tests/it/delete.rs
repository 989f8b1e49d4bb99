use parlance_core::Reason;
use parlance_proto::channel::Action;
use parlance_proto::event::event::Payload;

use crate::house::House;

#[tokio::test]
async fn only_the_owner_deletes_and_strangers_see_nothing_to_delete() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let channel = house.create(users[0], "public", "p", &[users[1]]).await.num;
    house.promote(users[0], channel, users[1], "admin").await.unwrap();
    assert_eq!(house.delete(users[1], channel).await.unwrap_err(), Reason::RoleTooLow);
    assert_eq!(house.delete(users[2], channel).await.unwrap_err(), Reason::ChannelNotFound);
    let before = house.policy_version(channel).await;
    assert!(house.delete(users[0], channel).await.unwrap() > 0);

    let fact = house.last_fact().await;
    assert_eq!(fact.policy_version, before + 1);
    let Some(Payload::ChannelDeleted(deleted)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!(deleted.member_nums, [users[0], users[1]]);
    assert!(deleted.discoverable);
    assert_eq!(house.delete(users[0], channel).await.unwrap_err(), Reason::ChannelNotFound);
    assert!(house.get(&house.service(), channel).await.is_none());
    let refused = house.authorize(channel, users[0], Action::Read, false).await.unwrap_err();
    assert_eq!(refused, Reason::ChannelNotFound);
}

#[tokio::test]
async fn a_direct_channel_is_deleted_by_nobody() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let channel = house.create(users[0], "messaging", "", &[users[1]]).await.num;
    for user in users {
        assert_eq!(house.delete(user, channel).await.unwrap_err(), Reason::RoleTooLow);
    }
}

#[tokio::test]
async fn the_name_of_a_deleted_channel_is_free_again() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let first = house.create(me, "group", "Name", &[]).await;
    house.delete(me, first.num).await.unwrap();
    let second = house.create(me, "group", "Name", &[]).await;
    assert_eq!(first.cid, second.cid);
    assert_ne!(first.num, second.num);
}

#[tokio::test]
async fn the_fact_of_a_large_channels_end_names_its_first_hundred() {
    let house = House::new().await;
    let users = house.users("u", 131).await;
    let channel = house.create(users[0], "group", "large", &users[1..101]).await.num;
    house.add(users[0], channel, &users[101..], "").await.unwrap();
    house.delete(users[0], channel).await.unwrap();
    let Some(Payload::ChannelDeleted(deleted)) = house.last_fact().await.payload else { panic!() };
    assert_eq!(deleted.member_nums.len(), 100);
    assert_eq!(deleted.member_nums[0], users[0]);
}
