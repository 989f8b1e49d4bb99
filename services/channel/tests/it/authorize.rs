use parlance_core::{Num, Reason};
use parlance_proto::channel::authorize_many_request::Question;
use parlance_proto::channel::authorize_many_response::Answer;
use parlance_proto::channel::{
    Action, AuthorizeManyRequest, AuthorizeRequest, AwaitFactsRequest, FindBlocksRequest,
    ListChannelsRequest, ListCompanionsRequest, ListMembersOfChannelsRequest, ResolveMentionsRequest,
    TouchRequest,
};
use parlance_proto::event::ReadLogRequest;
use parlance_proto::event::event::Payload;

use crate::house::{House, reason};

async fn many(house: &House, questions: Vec<(Num, Num, Action)>) -> Vec<Answer> {
    let questions = questions
        .into_iter()
        .map(|(channel_num, user_num, action)| Question { channel_num, user_num, action: action.into() })
        .collect();
    let request = house.service().request(AuthorizeManyRequest { questions });
    house.channel().authorize_many(request).await.unwrap().into_inner().answers
}

#[tokio::test]
async fn members_may_and_strangers_may_not() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let channel = house.create(users[0], "group", "g", &[users[1]]).await;
    let allowed = house.authorize(channel.num, users[1], Action::Send, true).await.unwrap();
    assert!(allowed.allowed);
    assert_eq!((allowed.reason.as_str(), allowed.policy_version, allowed.log_position), ("", 1, 0));
    assert_eq!(allowed.member.unwrap().role, "member");
    assert_eq!(allowed.channel.unwrap().num, channel.num);
    for join in [false, true] {
        let refused = house.authorize(channel.num, users[2], Action::Read, join).await.unwrap();
        assert_eq!((refused.allowed, refused.reason.as_str()), (false, "NOT_A_MEMBER"));
        assert_eq!(refused.member, None);
    }
    let pin = house.authorize(channel.num, users[1], Action::Pin, false).await.unwrap();
    assert_eq!(pin.reason, "ROLE_TOO_LOW");
    assert_eq!(house.authorize(5, users[0], Action::Read, false).await.unwrap_err(), Reason::ChannelNotFound);
    let unknown = house.authorize(channel.num, users[0], Action::Unspecified, false).await.unwrap_err();
    assert_eq!(unknown, Reason::InvalidArgument);
}

#[tokio::test]
async fn a_first_message_joins_an_open_channel_and_reading_does_not() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let channel = house.create(users[0], "public", "p", &[]).await.num;
    house.touch(&[(channel, 12, 3)]).await;
    let read = house.authorize(channel, users[1], Action::Read, true).await.unwrap();
    assert_eq!((read.allowed, read.member, read.log_position), (true, None, 0));
    let pin = house.authorize(channel, users[1], Action::Pin, true).await.unwrap();
    assert_eq!((pin.allowed, pin.reason.as_str(), pin.member), (false, "NOT_A_MEMBER", None));
    let asked = house.authorize(channel, users[1], Action::Send, false).await.unwrap();
    assert_eq!((asked.allowed, asked.reason.as_str()), (false, "NOT_A_MEMBER"));

    let joined = house.authorize(channel, users[1], Action::Send, true).await.unwrap();
    assert!(joined.allowed && joined.log_position > 0);
    assert_eq!(joined.policy_version, 1, "joining takes no right away");
    assert_eq!(joined.channel.unwrap().member_count, 2);
    assert_eq!(joined.member.unwrap().joined_seq, 12);
    let fact = house.last_fact().await;
    assert_eq!(fact.actor_num, users[1]);
    let Some(Payload::MemberJoined(fact)) = fact.payload else { panic!("{fact:?}") };
    assert_eq!((fact.user_num, fact.joined_seq, fact.member_count), (users[1], 12, 2));
    let again = house.authorize(channel, users[1], Action::Send, true).await.unwrap();
    assert!(again.allowed && again.log_position == 0);
}

pub async fn fifty_joins(house: &House) {
    let users = house.users("joiner", 26).await;
    let channel = house.create(users[0], "public", "popular", &[]).await.num;
    let asking = (0..50).map(|n| house.authorize(channel, users[1 + n % 25], Action::React, true));
    for answer in futures_util::future::join_all(asking).await {
        let answer = answer.unwrap();
        assert!(answer.allowed && answer.member.is_some());
    }
    assert_eq!(house.members(channel).await.len(), 26);
    let joins = house.facts(channel).await.into_iter().filter(|(name, _)| *name == "joined").count();
    assert_eq!(joins, 25, "one fact a person");
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_twice_at_once_is_joining_once() {
    fifty_joins(&House::new().await).await;
}

#[tokio::test]
async fn the_calls_of_services_are_closed_to_clients() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let channel_num = house.create(me, "group", "g", &[]).await.num;
    let token = format!("Bearer {}:{me}", house.app);
    fn shown<T>(token: &str, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        // Nobody from outside is believed to be a service.
        request.metadata_mut().insert("parlance-actor", "service".parse().unwrap());
        request
    }
    let mut client = house.outside();
    let lists = ListMembersOfChannelsRequest { channel_nums: vec![channel_num], limit_each: 0 };
    let ask = AuthorizeRequest { channel_num, user_num: me, action: Action::Read.into(), join: false };
    let refusals = [
        client.authorize(shown(&token, ask)).await.map(drop),
        client.authorize_many(shown(&token, AuthorizeManyRequest::default())).await.map(drop),
        client.resolve_mentions(shown(&token, ResolveMentionsRequest::default())).await.map(drop),
        client.list_companions(shown(&token, ListCompanionsRequest::default())).await.map(drop),
        client.list_members_of_channels(shown(&token, lists)).await.map(drop),
        client.await_facts(shown(&token, AwaitFactsRequest::default())).await.map(drop),
        client.find_blocks(shown(&token, FindBlocksRequest::default())).await.map(drop),
        client.touch(shown(&token, TouchRequest::default())).await.map(drop),
        client.read_log(shown(&token, ReadLogRequest::default())).await.map(drop),
    ];
    for refusal in refusals {
        assert_eq!(reason(refusal.unwrap_err()), Reason::NotAllowed);
    }
    let own = client.list_channels(shown(&token, ListChannelsRequest::default())).await.unwrap();
    assert_eq!(own.into_inner().channels.len(), 1);
}

#[tokio::test]
async fn too_many_questions_are_refused() {
    let house = House::new().await;
    let questions = vec![Question { channel_num: 1, user_num: 1, action: 1 }; 1001];
    let request = house.service().request(AuthorizeManyRequest { questions });
    let refused = house.channel().authorize_many(request).await.unwrap_err();
    assert_eq!(reason(refused), Reason::InvalidArgument);
}

pub async fn a_table_of_questions(house: &House) {
    let users = house.users("asker", 3).await;
    let group = house.create(users[0], "group", "g", &[users[1]]).await.num;
    let public = house.create(users[0], "public", "p", &[]).await.num;
    let live = house.create(users[0], "livestream", "l", &[users[1]]).await.num;
    let answers = many(
        house,
        vec![
            (group, users[1], Action::Send),
            (group, users[2], Action::Read),
            (public, users[2], Action::Read),
            (public, users[2], Action::Send),
            (live, users[1], Action::Send),
            (live, users[0], Action::Send),
            (99, users[0], Action::Read),
            (group, users[1], Action::Send),
        ],
    )
    .await;
    let short: Vec<_> = answers.iter().map(|a| (a.found, a.allowed, a.reason.as_str(), a.member)).collect();
    assert_eq!(
        short,
        [
            (true, true, "", true),
            (true, false, "NOT_A_MEMBER", false),
            (true, true, "", false),
            (true, false, "NOT_A_MEMBER", false),
            (true, false, "ROLE_TOO_LOW", true),
            (true, true, "", true),
            (false, false, "", false),
            (true, true, "", true),
        ]
    );
}

#[tokio::test]
async fn many_questions_get_their_answers_in_order() {
    a_table_of_questions(&House::new().await).await;
}

#[tokio::test]
async fn a_thousand_questions_cost_two_statements() {
    let house = House::new().await;
    let users = house.users("u", 40).await;
    let mut channels = Vec::new();
    for n in 0..25 {
        channels.push(house.create(users[0], "group", &format!("c{n}"), &users[1..20]).await.num);
    }
    house.quiet().await;
    let all: Vec<_> = channels
        .iter()
        .flat_map(|channel| users.iter().map(|user| (*channel, *user, Action::Read)))
        .collect();
    assert_eq!(all.len(), 1000);
    for count in [1, 10, 1000] {
        let before = house.store.statements();
        let answers = many(&house, all[..count].to_vec()).await;
        assert_eq!(house.store.statements() - before, 2, "{count} questions");
        assert_eq!(answers.len(), count);
    }
    let answers = many(&house, all).await;
    assert_eq!(answers.iter().filter(|answer| answer.allowed).count(), 25 * 20);
    let before = house.store.statements();
    house.authorize(channels[0], users[1], Action::Send, true).await.unwrap();
    assert!(house.store.statements() - before <= 2);
}
