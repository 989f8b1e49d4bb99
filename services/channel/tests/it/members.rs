use parlance_core::Reason;
use parlance_proto::event::event::Payload;

use crate::house::House;

#[tokio::test]
async fn moderators_add_up_to_their_own_role_and_each_joining_is_a_fact() {
    let house = House::new().await;
    let users = house.users("u", 6).await;
    let channel = house.create(users[0], "group", "g", &[users[1], users[2]]).await.num;
    house.promote(users[0], channel, users[1], "moderator").await.unwrap();
    house.touch(&[(channel, 41, 7)]).await;
    let version = house.policy_version(channel).await;

    assert_eq!(house.add(users[2], channel, &[users[3]], "").await.unwrap_err(), Reason::RoleTooLow);
    assert_eq!(house.add(users[5], channel, &[users[3]], "").await.unwrap_err(), Reason::NotAMember);
    assert_eq!(house.add(users[1], channel, &[users[3]], "admin").await.unwrap_err(), Reason::RoleTooLow);
    assert_eq!(house.add(users[1], channel, &[users[3]], "king").await.unwrap_err(), Reason::InvalidArgument);
    assert_eq!(house.add(users[1], channel, &[], "").await.unwrap_err(), Reason::InvalidArgument);
    assert_eq!(house.add(users[1], channel, &[9], "").await.unwrap_err(), Reason::UserNotFound);

    let added = house.add(users[1], channel, &[users[2], users[3], users[3]], "moderator").await.unwrap();
    assert_eq!(added, [users[3]], "present members are skipped");
    let fact = house.last_fact().await;
    assert_eq!((fact.actor_num, fact.policy_version), (users[1], version));
    let Some(Payload::MemberJoined(joined)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!((joined.user_num, joined.role.as_str()), (users[3], "moderator"));
    assert_eq!((joined.member_count, joined.joined_seq), (4, 41));

    let facts = house.log().await.len();
    assert_eq!(house.add(users[1], channel, &[users[3]], "").await, Ok(vec![]));
    assert_eq!(house.log().await.len(), facts);
    assert_eq!(house.members(channel).await.len(), 4);
}

#[tokio::test]
async fn anyone_joins_an_open_channel_and_nobody_a_closed_one() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    for (type_name, open) in
        [("public", true), ("team", true), ("group", false), ("private", false), ("livestream", false)]
    {
        let channel = house.create(users[0], type_name, type_name, &[]).await.num;
        let joined = house.add(users[1], channel, &[users[1]], "").await;
        assert_eq!(joined, if open { Ok(vec![users[1]]) } else { Err(Reason::NotAMember) }, "{type_name}");
        if open {
            assert_eq!(house.add(users[1], channel, &[users[1]], "").await, Ok(vec![]));
            let greedy = house.add(users[2], channel, &[users[2]], "admin").await;
            assert_eq!(greedy, Err(Reason::RoleTooLow));
        }
    }
}

#[tokio::test]
async fn the_members_of_a_direct_channel_are_fixed() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let channel = house.create(users[0], "messaging", "", &[users[1]]).await.num;
    assert_eq!(house.add(users[0], channel, &[users[2]], "").await, Err(Reason::DirectIsFixed));
    assert_eq!(house.remove(users[0], channel, users[1]).await, Err(Reason::DirectIsFixed));
    assert_eq!(house.remove(users[0], channel, users[0]).await, Err(Reason::DirectIsFixed));
    let promoted = house.promote(users[0], channel, users[0], "owner").await;
    assert_eq!(promoted.unwrap_err(), Reason::DirectIsFixed);
    assert_eq!(house.add(users[2], channel, &[users[2]], "").await, Err(Reason::NotAMember));
}

#[tokio::test]
async fn only_higher_roles_remove_and_the_policy_version_rises() {
    let house = House::new().await;
    let users = house.users("u", 5).await;
    let channel = house.create(users[0], "group", "g", &users[1..4]).await.num;
    house.promote(users[0], channel, users[1], "moderator").await.unwrap();
    house.promote(users[0], channel, users[2], "moderator").await.unwrap();
    assert_eq!(house.remove(users[3], channel, users[1]).await, Err(Reason::RoleTooLow));
    assert_eq!(house.remove(users[1], channel, users[2]).await, Err(Reason::RoleTooLow));
    assert_eq!(house.remove(users[1], channel, users[0]).await, Err(Reason::RoleTooLow));
    assert_eq!(house.remove(users[1], channel, users[4]).await, Ok(false));
    let version = house.policy_version(channel).await;
    assert_eq!(house.remove(users[1], channel, users[3]).await, Ok(true));
    assert_eq!(house.policy_version(channel).await, version + 1);
    let fact = house.last_fact().await;
    assert_eq!(fact.policy_version, version + 1);
    let Some(Payload::MemberLeft(left)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!((left.user_num, left.member_count, left.removed), (users[3], 3, true));
    assert_eq!(house.remove(users[1], channel, users[3]).await, Ok(false), "repeating changes nothing");
}

#[tokio::test]
async fn added_removed_and_added_again_are_three_facts() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let channel = house.create(users[0], "group", "g", &[]).await.num;
    house.add(users[0], channel, &[users[1]], "").await.unwrap();
    house.remove(users[0], channel, users[1]).await.unwrap();
    house.touch(&[(channel, 5, 1)]).await;
    house.add(users[0], channel, &[users[1]], "").await.unwrap();
    let facts = house.facts(channel).await;
    assert_eq!(facts[1..], [("joined", users[1]), ("left", users[1]), ("joined", users[1])]);
    let again = house.members(channel).await.into_iter().find(|m| m.user_num == users[1]).unwrap();
    assert_eq!(again.joined_seq, 5);
}

pub async fn handover(house: &House) {
    let users = house.users("heir", 4).await;
    let channel = house.create(users[0], "group", "estate", &[]).await.num;
    for user in &users[1..] {
        house.advance(1);
        house.add(users[0], channel, &[*user], "").await.unwrap();
    }
    house.promote(users[0], channel, users[2], "moderator").await.unwrap();
    assert_eq!(house.remove(users[0], channel, users[0]).await, Ok(true));
    assert_eq!(house.roles(channel).await[0], (users[2], "owner".to_owned()), "the highest role");
    assert_eq!(house.remove(users[2], channel, users[2]).await, Ok(true));
    assert_eq!(house.roles(channel).await[0], (users[1], "owner".to_owned()), "the oldest");
    let facts = house.facts(channel).await;
    assert_eq!(facts[facts.len() - 2..], [("left", users[2]), ("member", users[1])]);

    assert_eq!(house.remove(users[1], channel, users[3]).await, Ok(true));
    assert_eq!(house.remove(users[1], channel, users[1]).await, Ok(true));
    assert!(house.get(&house.service(), channel).await.is_none());
    let facts = house.facts(channel).await;
    assert_eq!(facts[facts.len() - 2..], [("left", users[1]), ("deleted", 0)]);
}

#[tokio::test]
async fn the_last_owner_hands_over_and_the_last_member_ends_the_channel() {
    handover(&House::new().await).await;
}

#[tokio::test]
async fn a_second_owner_needs_no_heir() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let channel = house.create(users[0], "group", "g", &users[1..]).await.num;
    house.promote(users[0], channel, users[1], "owner").await.unwrap();
    assert_eq!(house.remove(users[0], channel, users[1]).await, Err(Reason::RoleTooLow));
    house.remove(users[0], channel, users[0]).await.unwrap();
    let facts = house.facts(channel).await;
    assert_eq!(facts.last(), Some(&("left", users[0])));
}

#[tokio::test]
async fn roles_change_below_ones_own_and_raise_the_policy_version() {
    let house = House::new().await;
    let users = house.users("u", 5).await;
    let channel = house.create(users[0], "group", "g", &users[1..4]).await.num;
    assert_eq!(
        house.promote(users[0], channel, users[0], "member").await.unwrap_err(),
        Reason::LastOwner,
        "the last owner stays"
    );
    let version = house.policy_version(channel).await;
    let admin = house.promote(users[0], channel, users[1], "admin").await.unwrap();
    assert_eq!(admin.role, "admin");
    assert_eq!(house.policy_version(channel).await, version + 1);
    let Some(Payload::MemberUpdated(fact)) = house.last_fact().await.payload else { panic!() };
    assert_eq!((fact.user_num, fact.role.as_str()), (users[1], "admin"));

    let facts = house.log().await.len();
    house.promote(users[0], channel, users[1], "admin").await.unwrap();
    assert_eq!(house.log().await.len(), facts, "the same role is no change");
    for (caller, target, role, expected) in [
        (users[1], users[2], "admin", Reason::RoleTooLow),
        (users[1], users[0], "member", Reason::RoleTooLow),
        (users[2], users[3], "moderator", Reason::RoleTooLow),
        (users[2], users[2], "owner", Reason::RoleTooLow),
        (users[4], users[2], "member", Reason::NotAMember),
        (users[0], users[4], "member", Reason::MemberNotFound),
        (users[0], users[2], "emperor", Reason::InvalidArgument),
    ] {
        let refused = house.promote(caller, channel, target, role).await.unwrap_err();
        assert_eq!(refused, expected, "{role}");
    }
    house.promote(users[1], channel, users[1], "member").await.expect("one's own role may be laid down");
    house.promote(users[0], channel, users[3], "owner").await.unwrap();
    house.promote(users[0], channel, users[0], "admin").await.expect("another owner remains");
}
