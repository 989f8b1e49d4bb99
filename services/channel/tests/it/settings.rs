use parlance_core::{Num, Reason};
use parlance_proto::channel::{Member, UpdateMemberSettingsRequest};
use parlance_proto::event::event::Payload;

use crate::house::{House, reason};

async fn set(
    house: &House,
    user: Num,
    channel_num: Num,
    muted: Option<bool>,
    starred: Option<bool>,
) -> Result<Member, Reason> {
    let request = UpdateMemberSettingsRequest { channel_num, muted, starred };
    let reply = house.channel().update_member_settings(house.user(user).request(request)).await;
    reply.map(|reply| reply.into_inner().member.unwrap()).map_err(reason)
}

#[tokio::test]
async fn a_member_mutes_and_stars_for_himself() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let channel = house.create(users[0], "group", "g", &[users[1]]).await.num;
    let member = set(&house, users[1], channel, Some(true), None).await.unwrap();
    assert_eq!((member.muted, member.starred), (true, false));
    let member = set(&house, users[1], channel, None, Some(true)).await.unwrap();
    assert_eq!((member.muted, member.starred), (true, true));
    let fact = house.last_fact().await;
    assert_eq!(fact.policy_version, 1, "no right is lost");
    let Some(Payload::MemberUpdated(updated)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!((updated.user_num, updated.muted, updated.starred), (users[1], true, true));
    assert_eq!(updated.role, "member");

    let facts = house.log().await.len();
    set(&house, users[1], channel, Some(true), Some(true)).await.unwrap();
    set(&house, users[1], channel, None, None).await.unwrap();
    assert_eq!(house.log().await.len(), facts);
    let seen = house.get(&house.user(users[1]), channel).await.unwrap().membership.unwrap();
    assert!(seen.muted && seen.starred);
    assert!(!house.get(&house.user(users[0]), channel).await.unwrap().membership.unwrap().muted);
    assert!(!set(&house, users[1], channel, Some(false), None).await.unwrap().muted);
    assert_eq!(set(&house, users[2], channel, Some(true), None).await, Err(Reason::NotAMember));
}
