use parlance_core::{Num, Reason};
use parlance_proto::channel::{Channel, ChannelConfigOverrides, UpdateChannelRequest};
use parlance_proto::event::event::Payload;

use crate::house::{House, reason};

async fn update(house: &House, caller: Num, request: UpdateChannelRequest) -> Result<Channel, Reason> {
    let reply = house.channel().update_channel(house.user(caller).request(request)).await;
    reply.map(|reply| reply.into_inner().channel.unwrap()).map_err(reason)
}

#[tokio::test]
async fn owner_and_admin_change_a_channel_and_lower_roles_do_not() {
    let house = House::new().await;
    let users = house.users("u", 5).await;
    let channel = house.create(users[0], "group", "Old", &users[1..4]).await;
    house.promote(users[0], channel.num, users[1], "admin").await.unwrap();
    house.promote(users[0], channel.num, users[2], "moderator").await.unwrap();
    let renamed = |name: &str| UpdateChannelRequest {
        channel_num: channel.num,
        name: Some(name.to_owned()),
        ..Default::default()
    };
    for (user, expected) in
        [(users[2], Reason::RoleTooLow), (users[3], Reason::RoleTooLow), (users[4], Reason::NotAMember)]
    {
        assert_eq!(update(&house, user, renamed("New")).await.unwrap_err(), expected);
    }
    house.advance(5);
    let changed = update(&house, users[1], renamed("New")).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.cid.as_str()), ("New", "group:old"));
    assert_eq!(changed.updated_at, Some(house.now().timestamp()));
    assert_eq!(changed.membership.unwrap().role, "admin");
    assert_eq!(changed.policy_version, house.policy_version(channel.num).await);
    let fact = house.last_fact().await;
    assert_eq!(fact.actor_num, users[1]);
    let Some(Payload::ChannelUpdated(updated)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!(updated.channel.unwrap().name, "New");

    let facts = house.log().await.len();
    update(&house, users[1], renamed("New")).await.unwrap();
    assert_eq!(house.log().await.len(), facts, "a change to the same is none");
    let direct = house.create(users[0], "messaging", "", &[users[1]]).await;
    let request = UpdateChannelRequest { channel_num: direct.num, ..renamed("x") };
    assert_eq!(update(&house, users[0], request).await.unwrap_err(), Reason::RoleTooLow);
}

#[tokio::test]
async fn switches_raise_the_policy_version_and_names_do_not() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let channel = house.create(users[0], "public", "P", &[]).await;
    let named = UpdateChannelRequest {
        channel_num: channel.num,
        description: Some("d".into()),
        image: Some("http://a/b".into()),
        ..Default::default()
    };
    assert_eq!(update(&house, users[0], named).await.unwrap().policy_version, 1);
    let switched = |config| UpdateChannelRequest {
        channel_num: channel.num,
        config: Some(config),
        ..Default::default()
    };
    let quiet = ChannelConfigOverrides { reactions: Some(false), ..Default::default() };
    let changed = update(&house, users[0], switched(quiet)).await.unwrap();
    assert_eq!(changed.policy_version, 2);
    let private = ChannelConfigOverrides { private: Some(true), ..Default::default() };
    let changed = update(&house, users[0], switched(private)).await.unwrap();
    assert_eq!((changed.policy_version, changed.discoverable), (3, false));
    assert!(!changed.config.unwrap().reactions, "earlier switches stay");
    assert_eq!(house.last_fact().await.policy_version, 3);
    assert!(house.get(&house.user(users[1]), channel.num).await.is_none());
    assert_eq!(house.add(users[1], channel.num, &[users[1]], "").await.unwrap_err(), Reason::NotAMember);
}

#[tokio::test]
async fn wrong_fields_are_refused() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let channel_num = house.create(me, "group", "x", &[]).await.num;
    for request in [
        UpdateChannelRequest { channel_num, name: Some("x".repeat(256)), ..Default::default() },
        UpdateChannelRequest { channel_num, description: Some("x".repeat(1001)), ..Default::default() },
        UpdateChannelRequest { channel_num, image: Some("/a".into()), ..Default::default() },
    ] {
        assert_eq!(update(&house, me, request).await.unwrap_err(), Reason::InvalidArgument);
    }
    let unknown = UpdateChannelRequest { channel_num: 77, ..Default::default() };
    assert_eq!(update(&house, me, unknown).await.unwrap_err(), Reason::ChannelNotFound);
}
