use std::collections::BTreeSet;

use parlance_core::Reason;
use parlance_proto::channel::{ChannelConfigOverrides, CreateChannelRequest};
use parlance_proto::event::event::Payload;
use parlance_proto::event::stream::Kind;

use crate::house::{House, draft};

#[tokio::test]
async fn a_channel_starts_with_its_creator_as_owner_and_states_one_fact() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let request = CreateChannelRequest {
        description: "About\nthings".into(),
        image: "https://example.org/a.png".into(),
        config: Some(ChannelConfigOverrides { reactions: Some(false), ..Default::default() }),
        custom: r#"{"b":1,"a":[2]}"#.into(),
        ..draft("group", "Team Lunch", &[users[1], users[2], users[1], users[0]])
    };
    let reply = house.try_create(users[0], request).await.unwrap();
    assert!(reply.created && reply.log_position > 0);
    let channel = reply.channel.unwrap();
    assert_eq!(channel.cid, "group:team-lunch");
    assert_eq!(parlance_core::id::parse(&channel.id), Some(channel.num));
    assert_eq!((channel.member_count, channel.policy_version, channel.last_seq), (3, 1, 0));
    assert_eq!(channel.custom, r#"{"a":[2],"b":1}"#);
    assert_eq!(channel.created_at, Some(house.now().timestamp()));
    assert_eq!(channel.last_message_at, None);
    let config = channel.config.unwrap();
    assert!(!config.reactions && config.typing_events && !config.private);
    assert!(!channel.discoverable);
    assert_eq!(channel.membership.unwrap().role, "owner");

    let roles = house.roles(channel.num).await;
    assert_eq!(roles[0], (users[0], "owner".to_owned()));
    assert!(roles[1..].iter().all(|(_, role)| role == "member"));

    let log = house.log().await;
    assert_eq!(log.len(), 1);
    let fact = &log[0];
    assert_eq!(fact.stream.unwrap().kind(), Kind::Chat);
    assert_eq!(fact.stream.unwrap().num, channel.num);
    assert_eq!((fact.actor_num, fact.origin.as_str(), fact.policy_version), (users[0], "channel", 1));
    assert_eq!(fact.app_id, house.app.to_string());
    let Some(Payload::ChannelCreated(created)) = &fact.payload else { panic!("{fact:?}") };
    assert_eq!(created.member_nums.iter().collect::<BTreeSet<_>>(), users.iter().collect());
    let snapshot = created.channel.as_ref().unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.member_count), ("Team Lunch", 3));
    assert_eq!(snapshot.membership, None);
}

#[tokio::test]
async fn a_direct_channel_needs_exactly_one_other() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    for members in [vec![], vec![users[0]], vec![users[1], users[2]]] {
        let refused = house.try_create(users[0], draft("messaging", "", &members)).await.unwrap_err();
        assert_eq!(refused, Reason::DirectNeedsOneOther, "{members:?}");
    }
    let channel = house.create(users[0], "messaging", "", &[users[1], users[0], users[1]]).await;
    assert_eq!(channel.cid, format!("messaging:{}", channel.id));
    let mut pair = channel.direct_member_nums.clone();
    pair.sort_unstable();
    assert_eq!(pair, {
        let mut pair = vec![users[0], users[1]];
        pair.sort_unstable();
        pair
    });
    assert!(house.roles(channel.num).await.iter().all(|(_, role)| role == "member"));
}

#[tokio::test]
async fn the_other_of_a_pair_gets_the_same_direct_channel() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let first = house.create(users[0], "messaging", "", &[users[1]]).await;
    let reply = house.try_create(users[1], draft("messaging", "Named", &[users[0]])).await.unwrap();
    assert!(!reply.created);
    assert!(reply.log_position > 0);
    let again = reply.channel.unwrap();
    assert_eq!((again.num, again.name.as_str()), (first.num, ""));
    assert_eq!(again.membership.unwrap().user_num, users[1]);
    assert_eq!(house.log().await.len(), 1);
}

pub async fn a_hundred_at_once(house: &House) {
    let users = house.users("crowd", 2).await;
    let creations = (0..100).map(|n| {
        let (me, other) = (users[n % 2], users[(n + 1) % 2]);
        house.try_create(me, draft("messaging", "", &[other]))
    });
    let replies = futures_util::future::join_all(creations).await;
    let replies: Vec<_> = replies.into_iter().map(|reply| reply.unwrap()).collect();
    assert_eq!(replies.iter().filter(|reply| reply.created).count(), 1);
    let nums: BTreeSet<_> = replies.iter().map(|reply| reply.channel.as_ref().unwrap().num).collect();
    assert_eq!(nums.len(), 1);
    let position = replies.iter().find(|reply| reply.created).unwrap().log_position;
    assert!(replies.iter().all(|reply| reply.log_position >= position));
    assert_eq!(house.facts(*nums.first().unwrap()).await, [("created", 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_creations_of_one_direct_channel_make_one_and_none_fails() {
    a_hundred_at_once(&House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_idempotency_key_returns_the_first_channel() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let keyed = |name: &str| CreateChannelRequest {
        idempotency_key: "key-1".into(),
        ..draft("group", name, &[users[1]])
    };
    let replies =
        futures_util::future::join_all((0..20).map(|_| house.try_create(users[0], keyed("A")))).await;
    let replies: Vec<_> = replies.into_iter().map(|reply| reply.unwrap()).collect();
    assert_eq!(replies.iter().filter(|reply| reply.created).count(), 1);
    let first = replies[0].channel.clone().unwrap();
    assert_eq!(first.idempotency_key, "key-1");
    assert!(replies.iter().all(|reply| reply.channel.as_ref().unwrap().num == first.num));
    assert_eq!(house.get(&house.user(users[1]), first.num).await.unwrap().idempotency_key, "");

    let other = house.try_create(users[1], keyed("B")).await.unwrap();
    assert!(other.created, "a key belongs to its creator");
    house.delete(users[0], first.num).await.unwrap();
    assert!(house.try_create(users[0], keyed("A")).await.unwrap().created, "deletion frees the key");
}

pub async fn same_names(house: &House) {
    let me = house.users("namer", 1).await[0];
    let mut cids = BTreeSet::new();
    for _ in 0..8 {
        cids.insert(house.create(me, "public", "General!", &[]).await.cid);
    }
    assert_eq!(cids.len(), 8);
    for expected in ["public:general", "public:general-2", "public:general-5"] {
        assert!(cids.contains(expected), "{cids:?}");
    }
}

#[tokio::test]
async fn channels_of_one_name_get_different_cids() {
    same_names(&House::new().await).await;
}

#[tokio::test]
async fn a_clients_own_id_is_kept_and_unique_within_its_type() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let with_id = |type_name: &str| CreateChannelRequest { id: "mine".into(), ..draft(type_name, "", &[]) };
    let channel = house.try_create(me, with_id("group")).await.unwrap().channel.unwrap();
    assert_eq!((channel.id.as_str(), channel.cid.as_str()), ("mine", "group:mine"));
    assert_eq!(house.try_create(me, with_id("group")).await.unwrap_err(), Reason::AlreadyExists);
    assert!(house.try_create(me, with_id("team")).await.unwrap().created);
    house.delete(me, channel.num).await.unwrap();
    assert!(house.try_create(me, with_id("group")).await.unwrap().created);
}

#[tokio::test]
async fn wrong_input_is_refused_with_its_reason() {
    let house = House::new().await;
    let users = house.users("u", 102).await;
    let (me, others) = (users[0], &users[1..]);
    let plain = || draft("group", "x", &[]);
    for (request, expected) in [
        (draft("nonsense", "x", &[]), Reason::ChannelTypeUnknown),
        (draft("", "x", &[]), Reason::ChannelTypeUnknown),
        (draft("group", &"x".repeat(256), &[]), Reason::InvalidArgument),
        (draft("group", "a\u{0}b", &[]), Reason::InvalidArgument),
        (draft("group", "x", &[424_242]), Reason::UserNotFound),
        (draft("group", "x", &[-1]), Reason::UserNotFound),
        (draft("group", "x", others), Reason::TooManyMembers),
        (CreateChannelRequest { description: "x".repeat(1001), ..plain() }, Reason::InvalidArgument),
        (CreateChannelRequest { image: "data:x".into(), ..plain() }, Reason::InvalidArgument),
        (CreateChannelRequest { custom: "[]".into(), ..plain() }, Reason::InvalidArgument),
        (
            CreateChannelRequest { custom: format!(r#"{{"a":"{}"}}"#, "x".repeat(6000)), ..plain() },
            Reason::CustomTooLarge,
        ),
        (CreateChannelRequest { idempotency_key: "x".repeat(256), ..plain() }, Reason::InvalidArgument),
    ] {
        let refused = house.try_create(me, request.clone()).await.unwrap_err();
        assert_eq!(refused, expected, "{request:?}");
    }
    assert!(house.log().await.is_empty());
    let most = house.create(me, "group", "x", &others[..100]).await;
    assert_eq!(most.member_count, 101);
    let Some(Payload::ChannelCreated(created)) = house.last_fact().await.payload else { panic!() };
    assert_eq!(created.member_nums.len(), 101);
}

#[tokio::test]
async fn only_a_user_creates_channels() {
    let house = House::new().await;
    let request = house.service().request(draft("group", "x", &[]));
    let refused = house.channel().create_channel(request).await.unwrap_err();
    assert_eq!(crate::house::reason(refused), Reason::UserRequired);
}
