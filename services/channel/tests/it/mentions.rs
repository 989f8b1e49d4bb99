use parlance_core::Num;
use parlance_proto::channel::{ResolveMentionsRequest, ResolveMentionsResponse};

use crate::house::House;

async fn resolve(house: &House, channel: Num, handles: &[&str], ids: &[&str]) -> ResolveMentionsResponse {
    let request = ResolveMentionsRequest {
        channel_num: channel,
        handles: handles.iter().map(|text| (*text).to_owned()).collect(),
        user_ids: ids.iter().map(|text| (*text).to_owned()).collect(),
    };
    house.channel().resolve_mentions(house.service().request(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn only_members_are_meant() {
    let house = House::new().await;
    let users = house.users("ann", 3).await;
    let channel = house.create(users[0], "group", "g", &[users[1]]).await.num;
    let found = resolve(&house, channel, &["ann-1", "ann-2", "nobody"], &["ann-0", "ann-2", "x"]).await;
    let matches: Vec<_> = found.matches.iter().map(|m| (m.handle.as_str(), m.user_num)).collect();
    assert_eq!(matches, [("ann-1", users[1])]);
    assert_eq!(found.named_nums, [users[0]]);
    assert_eq!(resolve(&house, channel, &[], &[]).await, ResolveMentionsResponse::default());
}

#[tokio::test]
async fn a_hundred_handles_cost_one_statement() {
    let house = House::new().await;
    let users = house.users("ann", 100).await;
    let channel = house.create(users[0], "group", "g", &users[1..]).await.num;
    house.quiet().await;
    let handles: Vec<String> = (0..100).map(|n| format!("ann-{n}")).collect();
    let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
    for count in [1, 100] {
        let before = house.store.statements();
        let found = resolve(&house, channel, &handles[..count], &[]).await;
        assert_eq!(found.matches.len(), count);
        assert_eq!(house.store.statements() - before, 1);
    }
}
