use parlance_core::{Num, Reason};
use parlance_proto::channel::{
    Channel, ListChannelsRequest, ListMembersOfChannelsRequest, ListMembersRequest,
};

use crate::house::{House, reason};

async fn list(house: &House, user: Num, type_name: &str, limit: u32, offset: u32) -> Vec<Channel> {
    let request = ListChannelsRequest { r#type: type_name.to_owned(), limit, offset, ..Default::default() };
    house.channel().list_channels(house.user(user).request(request)).await.unwrap().into_inner().channels
}

fn nums(channels: &[Channel]) -> Vec<Num> {
    channels.iter().map(|channel| channel.num).collect()
}

pub async fn order_and_pages(house: &House) {
    let users = house.users("lister", 3).await;
    let hidden = house.create(users[1], "group", "hidden", &[users[2]]).await;
    let mine = house.create(users[0], "group", "mine", &[]).await;
    house.advance(1);
    let public = house.create(users[1], "public", "public", &[]).await;
    let direct = house.create(users[1], "messaging", "", &[users[0]]).await;
    house.advance(1);
    let silent = house.create(users[0], "team", "silent", &[]).await;
    house.touch(&[(mine.num, 3, 50), (public.num, 9, 70), (hidden.num, 1, 90)]).await;

    // By activity, then the silent ones by age, newest first.
    let expected = [public.num, mine.num, silent.num, direct.num];
    let all = list(house, users[0], "", 0, 0).await;
    assert_eq!(nums(&all), expected);
    assert_eq!(all[0].membership, None);
    assert_eq!(all[1].membership.as_ref().unwrap().role, "owner");
    assert_eq!((all[0].last_seq, all[1].last_seq), (9, 3));
    for offset in 0..5 {
        let page = list(house, users[0], "", 2, offset).await;
        let end = (offset as usize + 2).min(4);
        assert_eq!(nums(&page), expected[(offset as usize).min(4)..end], "offset {offset}");
    }
    assert_eq!(nums(&list(house, users[0], "team", 0, 0).await), [silent.num]);
    assert_eq!(nums(&list(house, users[2], "", 0, 0).await), [hidden.num, public.num, silent.num]);
    house.delete(users[1], public.num).await.unwrap();
    assert_eq!(nums(&list(house, users[0], "", 0, 0).await), expected[1..]);
}

#[tokio::test]
async fn joined_and_discoverable_channels_come_by_activity_then_age() {
    order_and_pages(&House::new().await).await;
}

#[tokio::test]
async fn channels_of_one_instant_come_in_order_of_their_nums() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let mut created = Vec::new();
    for n in 0..5 {
        created.push(house.create(me, "group", &format!("c{n}"), &[]).await.num);
    }
    assert_eq!(nums(&list(&house, me, "", 0, 0).await), created);
}

#[tokio::test]
async fn a_page_costs_the_same_statements_whatever_its_size() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    for n in 0..60 {
        let type_name = if n % 2 == 0 { "group" } else { "public" };
        house.create(me, type_name, &format!("c{n}"), &[]).await;
    }
    house.quiet().await;
    for limit in [1, 10, 50, 1000] {
        let before = house.store.statements();
        let page = list(&house, me, "", limit, 0).await;
        assert_eq!(page.len(), limit.min(60) as usize);
        assert_eq!(house.store.statements() - before, 2, "limit {limit}");
    }
}

async fn members_of_many(house: &House, channel_nums: &[Num], limit_each: u32) -> Vec<(Num, Vec<Num>)> {
    let request = ListMembersOfChannelsRequest { channel_nums: channel_nums.to_vec(), limit_each };
    let reply = house.channel().list_members_of_channels(house.service().request(request)).await.unwrap();
    let lists = reply.into_inner().channels.into_iter();
    lists
        .map(|list| {
            assert!(list.members.iter().all(|member| member.channel_num == list.channel_num));
            (list.channel_num, list.members.into_iter().map(|member| member.user_num).collect())
        })
        .collect()
}

pub async fn first_members_of_many(house: &House) {
    let users = house.users("firsts", 5).await;
    let small = house.create(users[4], "group", "firsts small", &[]).await.num;
    let gone = house.create(users[0], "group", "firsts gone", &[users[1]]).await.num;
    house.delete(users[0], gone).await.unwrap();
    let large = house.create(users[0], "group", "firsts large", &[]).await.num;
    for user in [users[3], users[1], users[2]] {
        house.advance(1);
        house.add(users[0], large, &[user], "member").await.unwrap();
    }
    house.promote(users[0], large, users[2], "moderator").await.unwrap();

    let order = vec![users[0], users[2], users[3], users[1]];
    let listed: Vec<Num> = house.members(large).await.iter().map(|member| member.user_num).collect();
    assert_eq!(listed, order, "the order of ListMembers");
    let asked = [large, 1, small, gone, large];
    let expected = [(large, order.clone()), (small, vec![users[4]])];
    assert_eq!(members_of_many(house, &asked, 0).await, expected, "in the order asked, each once");
    assert_eq!(members_of_many(house, &asked, 3).await[0].1, order[..3]);
    assert_eq!(members_of_many(house, &[], 0).await, []);
}

#[tokio::test]
async fn members_of_many_channels_come_in_the_order_of_each_and_of_the_question() {
    first_members_of_many(&House::new().await).await;
}

#[tokio::test]
async fn members_of_a_hundred_channels_cost_one_statement() {
    let house = House::new().await;
    let users = house.users("u", 3).await;
    let mut channels = Vec::new();
    for n in 0..100 {
        channels.push(house.create(users[0], "group", &format!("c{n}"), &users[1..]).await.num);
    }
    house.quiet().await;
    for count in [1, 7, 100] {
        let before = house.store.statements();
        let lists = members_of_many(&house, &channels[..count], 100).await;
        assert_eq!(lists, channels[..count].iter().map(|num| (*num, users.clone())).collect::<Vec<_>>());
        assert_eq!(house.store.statements() - before, 1, "{count} channels");
    }
    channels.push(1);
    let request = ListMembersOfChannelsRequest { channel_nums: channels, limit_each: 0 };
    let refused = house.channel().list_members_of_channels(house.service().request(request)).await;
    assert_eq!(reason(refused.unwrap_err()), Reason::InvalidArgument);
}

#[tokio::test]
async fn an_unknown_type_is_refused() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let request = ListChannelsRequest { r#type: "nonsense".into(), ..Default::default() };
    let refused = house.channel().list_channels(house.user(me).request(request)).await.unwrap_err();
    assert_eq!(reason(refused), Reason::ChannelTypeUnknown);
}

#[tokio::test]
async fn members_come_by_role_and_then_by_age_to_those_who_may_read() {
    let house = House::new().await;
    let users = house.users("u", 6).await;
    let channel = house.create(users[0], "group", "g", &[]).await.num;
    for user in [users[3], users[1], users[2], users[4]] {
        house.advance(1);
        house.add(users[0], channel, &[user], "member").await.unwrap();
    }
    house.promote(users[0], channel, users[4], "admin").await.unwrap();
    house.promote(users[0], channel, users[2], "moderator").await.unwrap();
    let expected = [users[0], users[4], users[2], users[3], users[1]];
    let order: Vec<Num> = house.roles(channel).await.into_iter().map(|(num, _)| num).collect();
    assert_eq!(order, expected);

    let request = ListMembersRequest { channel_num: channel, limit: 2, offset: 1 };
    let page = house.channel().list_members(house.user(users[1]).request(request)).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.member_count, 5);
    assert_eq!(page.members.iter().map(|m| m.user_num).collect::<Vec<_>>(), expected[1..3]);

    let refused = house.channel().list_members(house.user(users[5]).request(request)).await.unwrap_err();
    assert_eq!(reason(refused), Reason::NotAMember);
    let public = house.create(users[0], "public", "p", &[]).await.num;
    let request = ListMembersRequest { channel_num: public, limit: 0, offset: 0 };
    assert!(house.channel().list_members(house.user(users[5]).request(request)).await.is_ok());
}
