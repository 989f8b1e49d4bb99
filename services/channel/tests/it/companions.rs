use parlance_core::Num;
use parlance_proto::channel::ListCompanionsRequest;

use crate::house::House;

async fn companions(house: &House, user_num: Num, max_members: u32) -> Vec<Num> {
    companions_among(house, user_num, max_members, &[]).await
}

async fn companions_among(house: &House, user_num: Num, max_members: u32, among: &[Num]) -> Vec<Num> {
    let question = ListCompanionsRequest { user_num, max_members, among_nums: among.to_vec() };
    let request = house.service().request(question);
    let mut nums = house.channel().list_companions(request).await.unwrap().into_inner().user_nums;
    nums.sort_unstable();
    nums
}

pub async fn of_small_channels(house: &House) {
    let mut users = house.users("companion", 6).await;
    users.sort_unstable();
    house.create(users[0], "group", "four", &users[1..4]).await;
    house.create(users[0], "messaging", "", &[users[1]]).await;
    let gone = house.create(users[0], "group", "gone", &[users[5]]).await.num;
    house.delete(users[0], gone).await.unwrap();
    assert_eq!(companions(house, users[0], 200).await, users[1..4]);
    assert_eq!(companions(house, users[0], 3).await, users[1..2], "larger channels are left out");
    assert_eq!(companions(house, users[4], 200).await, [] as [Num; 0]);
    assert_eq!(companions(house, users[0], u32::MAX).await, users[1..4]);
    let asked = [users[2], users[5], users[0], users[4]];
    assert_eq!(companions_among(house, users[0], 200, &asked).await, [users[2]], "only of those asked about");
}

#[tokio::test]
async fn companions_share_a_small_live_channel_and_each_is_named_once() {
    let house = House::new().await;
    of_small_channels(&house).await;
    house.quiet().await;
    let before = house.store.statements();
    companions(&house, 1, 200).await;
    assert_eq!(house.store.statements() - before, 1);
}
