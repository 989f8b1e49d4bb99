use parlance_core::Micros;
use parlance_proto::channel::{TouchRequest, touch_request::Activity};
use parlance_sql::{Settings, Store};
use parlance_testkit::{PostgresServer, wait_until};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::house::{House, reason};

pub async fn only_forward(house: &House) {
    let me = house.users("toucher", 1).await[0];
    let mut nums = Vec::new();
    for n in 0..5 {
        nums.push(house.create(me, "group", &format!("t{n}"), &[]).await.num);
    }
    house.touch(&[(nums[0], 5, 50), (nums[1], 1, 10), (nums[0], 7, 40), (12345, 1, 1)]).await;
    house.touch(&[(nums[0], 6, 60), (nums[2], 3, 30), (nums[1], 0, 5)]).await;
    let expected = [(7, 60), (1, 10), (3, 30), (0, 0), (0, 0)];
    for (num, (seq, secs)) in nums.iter().zip(expected) {
        let channel = house.get(&house.service(), *num).await.unwrap();
        assert_eq!(channel.last_seq, seq);
        let at = (secs != 0).then(|| Micros::from_secs(secs).timestamp());
        assert_eq!(channel.last_message_at, at);
        assert_eq!(channel.policy_version, 1);
    }
}

#[tokio::test]
async fn seq_and_time_only_go_forward() {
    only_forward(&House::new().await).await;
}

#[tokio::test]
async fn a_batch_of_any_usual_size_is_one_statement() {
    let house = House::new().await;
    let me = house.users("u", 1).await[0];
    let mut nums = Vec::new();
    for n in 0..150 {
        nums.push(house.create(me, "group", &format!("t{n}"), &[]).await.num);
    }
    house.quiet().await;
    for (size, statements) in [(1, 1), (3, 1), (64, 1), (128, 1), (150, 2)] {
        let batch: Vec<_> = nums[..size].iter().map(|num| (*num, size as u64, size as i64)).collect();
        let before = house.store.statements();
        house.touch(&batch).await;
        assert_eq!(house.store.statements() - before, statements, "{size} channels");
        for num in &nums[..size] {
            assert_eq!(house.get(&house.service(), *num).await.unwrap().last_seq, size as u64);
        }
    }
    let before = house.store.statements();
    house.touch(&[]).await;
    assert_eq!(house.store.statements(), before);
}

#[tokio::test]
async fn a_lying_batch_is_refused() {
    let house = House::new().await;
    let too_large = Activity { channel_num: 1, last_seq: u64::MAX, at: None };
    for activities in [vec![too_large], vec![Activity::default(); 1001]] {
        let request = house.service().request(TouchRequest { activities });
        let refused = house.channel().touch(request).await.unwrap_err();
        assert_eq!(reason(refused), parlance_core::Reason::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_of_the_database_server_undoes_is_noted_again() {
    let Some(server) = PostgresServer::start() else { return };
    let url = server.url();
    let settings = Settings::Postgres { url, schema: "crashing".to_owned(), max_connections: 4 };
    let house = House::at(Store::open(&settings).await.unwrap()).await;
    let me = house.users("u", 1).await[0];
    let num = house.create(me, "group", "t", &[]).await.num;
    let marks = "SELECT COUNT(*) AS n FROM crash_mark";
    wait_until("the guard", async || number(&house.store, marks).await, |count| *count == Some(1)).await;
    house.touch(&[(num, 7, 40)]).await;
    let undo = format!("UPDATE channels SET last_seq = 0, last_message_at = 0 WHERE num = {num}");
    let lose = async || {
        let write = house.store.begin().await.unwrap();
        write.connection().execute_unprepared(&undo).await.unwrap();
        drop(write.commit().await.unwrap());
    };
    lose().await;
    let last_seq = format!("SELECT last_seq AS n FROM channels WHERE num = {num}");
    // A restart in order loses nothing, so nothing is done.
    server.down();
    server.up();
    assert_eq!(number(&house.store, marks).await, Some(1));
    assert_eq!(number(&house.store, &last_seq).await, Some(0));
    server.crash();
    server.up();
    wait_until("the touch", async || number(&house.store, &last_seq).await, |seq| *seq == Some(7)).await;
    let channel = house.get(&house.service(), num).await.unwrap();
    assert_eq!(channel.last_message_at, Some(Micros::from_secs(40).timestamp()));
}

/// `None` while the server is away.
async fn number(store: &Store, sql: &str) -> Option<i64> {
    let statement = Statement::from_string(store.backend(), sql);
    store.read().query_one_raw(statement).await.ok()??.try_get("", "n").ok()
}
