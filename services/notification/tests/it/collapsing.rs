use crate::world::World;

#[tokio::test]
async fn the_first_of_a_burst_goes_at_once_and_the_rest_as_one() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    let other = world.channel("group", "Other", users[0], &users[1..]).await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    world.send(users[0], channel, "1").await;
    world.taken(1).await;
    for text in ["2", "3", "4"] {
        world.send(users[0], channel, text).await;
    }
    world.send(users[0], other, "elsewhere").await;
    let taken = world.taken(2).await;
    assert_eq!(taken[1].push.body, "Ada: elsewhere", "another channel has a window of its own");
    world.advance(4);
    world.taken(2).await;
    world.advance(1);
    let taken = world.taken(3).await;
    assert_eq!((&*taken[2].push.title, &*taken[2].push.body), ("General", "3 new messages"));
    assert_eq!(taken[2].push.collapse_key, taken[0].push.collapse_key);
    assert_eq!(taken[2].push.badge, Some(5));
    world.send(users[0], channel, "6").await;
    world.taken(3).await;
    world.advance(5);
    let taken = world.taken(4).await;
    assert_eq!(taken[3].push.body, "Ada: 6");
    world.advance(60);
    world.send(users[0], channel, "7").await;
    world.taken(5).await;
}

#[tokio::test]
async fn a_window_from_before_the_clock_was_set_back_keeps_nobody_waiting() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    world.send(users[0], channel, "1").await;
    world.taken(1).await;
    world.execute(&format!("UPDATE windows SET until_at = {}", world.now().0 + 86_400_000_000)).await;
    world.send(users[0], channel, "2").await;
    world.taken(2).await;
}
