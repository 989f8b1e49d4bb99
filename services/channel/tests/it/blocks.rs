use parlance_core::{Caller, Num, Reason};
use parlance_proto::channel::find_blocks_request::Pair;
use parlance_proto::channel::*;
use parlance_rpc::Context;

use crate::house::{House, draft};

async fn may(house: &House, channel: Num, user: Num, action: Action) -> String {
    let answer = house.authorize(channel, user, action, false).await.unwrap();
    assert_eq!(answer.allowed, answer.reason.is_empty());
    let question =
        authorize_many_request::Question { channel_num: channel, user_num: user, action: action.into() };
    let request = house.service().request(AuthorizeManyRequest { questions: vec![question] });
    let many = house.channel().authorize_many(request).await.unwrap().into_inner().answers;
    assert_eq!((many[0].allowed, &many[0].reason), (answer.allowed, &answer.reason), "both calls agree");
    answer.reason
}

async fn found(house: &House, context: &Context, pairs: &[(Num, Num)]) -> Vec<bool> {
    let pairs = pairs.iter().map(|&(user_num, other_num)| Pair { user_num, other_num }).collect();
    let request = context.request(FindBlocksRequest { pairs });
    house.channel().find_blocks(request).await.unwrap().into_inner().blocked
}

async fn listed(house: &House, user: Num) -> Vec<Num> {
    let request = house.user(user).request(ListBlockedRequest::default());
    let reply = house.channel().list_blocked(request).await.unwrap().into_inner();
    reply.blocks.into_iter().map(|block| block.user_num).collect()
}

async fn companions(house: &House, user_num: Num) -> Vec<Num> {
    let request = ListCompanionsRequest { user_num, max_members: 100, among_nums: Vec::new() };
    let reply = house.channel().list_companions(house.service().request(request)).await.unwrap();
    let mut nums = reply.into_inner().user_nums;
    nums.sort_unstable();
    nums
}

pub async fn end_to_end(house: &House) {
    let users = house.users("blocker", 3).await;
    let (ann, bob, eve) = (users[0], users[1], users[2]);
    let direct = house.create(ann, "messaging", "", &[bob]).await.num;
    let group = house.create(ann, "group", "g", &[bob, eve]).await.num;
    assert_eq!(companions(house, ann).await, [bob, eve]);
    let version = house.policy_version(direct).await;

    assert_eq!(house.block(ann, bob).await, Ok(true));
    assert_eq!(house.policy_version(direct).await, version + 1, "decisions from before do not hold");
    assert_eq!(house.block(ann, bob).await, Ok(false), "a repeat blocks nobody");
    assert_eq!(
        house.policy_version(direct).await,
        version + 2,
        "it does what the first may have left undone"
    );
    assert_eq!(house.facts(direct).await[1..], [("policy", 0), ("policy", 0)]);
    for user in [ann, bob] {
        for action in [Action::Send, Action::React, Action::Type] {
            assert_eq!(may(house, direct, user, action).await, "USER_BLOCKED", "{action:?}");
        }
        assert_eq!(may(house, direct, user, Action::Read).await, "");
        assert_eq!(may(house, group, user, Action::Send).await, "", "elsewhere they talk");
    }
    assert_eq!(companions(house, ann).await, [eve], "neither hears of the other's presence");
    assert_eq!(companions(house, bob).await, [eve]);
    let pairs = [(ann, bob), (bob, ann), (ann, eve), (bob, bob)];
    assert_eq!(found(house, &house.service(), &pairs).await, [true, true, false, false]);
    let foreign = Context::new(Caller::service(house.new_app().await));
    assert_eq!(found(house, &foreign, &pairs).await, [false; 4], "another app knows of no block");
    assert_eq!(listed(house, ann).await, [bob]);
    assert_eq!(listed(house, bob).await, [] as [Num; 0]);

    house.block(ann, eve).await.unwrap();
    for (creator, other) in [(ann, eve), (eve, ann)] {
        let refused = house.try_create(creator, draft("messaging", "", &[other])).await.unwrap_err();
        assert_eq!(refused, Reason::UserBlocked);
    }
    let repeat = house.try_create(bob, draft("messaging", "", &[ann])).await.unwrap();
    assert_eq!((repeat.created, repeat.channel.unwrap().num), (false, direct), "the old one is still there");

    assert!(house.unblock(ann, bob).await);
    assert!(!house.unblock(ann, bob).await);
    assert_eq!(may(house, direct, bob, Action::Send).await, "");
    assert_eq!(companions(house, bob).await, [ann, eve]);
}

#[tokio::test]
async fn a_block_stops_what_two_say_to_each_other_until_it_is_taken_back() {
    end_to_end(&House::new().await).await;
}

#[tokio::test]
async fn nobody_blocks_himself_a_stranger_to_the_app_or_the_deleted() {
    let house = House::new().await;
    let users = house.users("u", 2).await;
    let foreign = house.new_app().await;
    let other = house.users_of(foreign, "u", 1).await[0];
    assert_eq!(house.block(users[0], users[0]).await, Err(Reason::InvalidArgument));
    assert_eq!(house.block(users[0], other).await, Err(Reason::UserNotFound));
    for nobody in [0, -1, 4711] {
        assert_eq!(house.block(users[0], nobody).await, Err(Reason::UserNotFound));
    }
    house.block(users[0], users[1]).await.unwrap();
    house.delete_user("u-1").await;
    assert_eq!(listed(&house, users[0]).await, [] as [Num; 0], "a block of the deleted is erased");
    assert_eq!(house.block(users[0], users[1]).await, Err(Reason::UserNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_and_a_direct_channel_made_at_once_never_leave_a_way_to_write() {
    let house = House::new().await;
    let users = house.users("u", 20).await;
    for pair in users.chunks(2) {
        let (one, other) = (pair[0], pair[1]);
        let make_and_ask = async {
            let direct = house.try_create(one, draft("messaging", "", &[other])).await?.channel.unwrap().num;
            Ok::<_, Reason>((direct, house.authorize(direct, one, Action::Send, false).await?))
        };
        let (made, blocked) = tokio::join!(make_and_ask, house.block(other, one));
        assert_eq!(blocked, Ok(true));
        match made {
            Ok((direct, remembered)) => {
                assert_eq!(may(&house, direct, one, Action::Send).await, "USER_BLOCKED");
                let holds = house.policy_version(direct).await <= remembered.policy_version;
                assert!(!(remembered.allowed && holds), "a permission from before the block does not hold");
            }
            Err(reason) => assert_eq!(reason, Reason::UserBlocked),
        }
    }
}
