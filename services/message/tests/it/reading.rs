use parlance_proto::event::{event::Payload, stream::Kind};
use parlance_proto::message::*;

use crate::world::{World, reference};

#[tokio::test]
async fn a_position_moves_forward_only_and_tells_what_is_left() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(world.send(users[0], channel, &format!("{n}")).await);
    }
    assert_eq!(world.unread(users[1], channel).await, 5);
    let answer = world.read(users[1], channel, Some(&sent[2])).await;
    assert_eq!((answer.last_read_seq, answer.unread), (3, 2));
    assert_eq!(answer.last_read_message_id, sent[2].id);
    let back = world.read(users[1], channel, Some(&sent[0])).await;
    assert_eq!((back.last_read_seq, back.unread), (3, 2));
    let all = world.read(users[1], channel, None).await;
    assert_eq!((all.last_read_seq, all.unread), (5, 0));
    let moves: Vec<u64> = world
        .entries(Kind::Chat, channel)
        .await
        .into_iter()
        .filter_map(|event| match event.payload {
            Some(Payload::ReadMoved(moved)) => Some(moved.last_read_seq),
            _ => None,
        })
        .collect();
    assert_eq!(moves, vec![3, 5], "no event without a move");
}

#[tokio::test]
async fn receipts_name_readers_but_not_the_author_nor_who_joined_later() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob", "carol"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let first = world.send(users[0], channel, "first").await;
    let second = world.send(users[0], channel, "second").await;
    world.add(channel, users[0], &[users[2]]).await;
    world.read(users[1], channel, Some(&first)).await;
    let request = QueryReadersRequest {
        channel_num: channel,
        messages: vec![
            reference(&first),
            reference(&second),
            MessageRef { r#ref: Some(message_ref::Ref::Num(1)) },
        ],
        limit: 10,
    };
    let answer =
        world.message.clone().query_readers(world.by(users[0]).request(request)).await.unwrap().into_inner();
    let readers = |index: usize| -> Vec<i64> {
        answer.results[index].readers.iter().map(|reader| reader.user_num).collect()
    };
    assert_eq!(readers(0), vec![users[1]]);
    assert_eq!((readers(1), answer.results[1].count), (vec![], 0));
    assert!(!answer.results[2].found);
}

#[tokio::test]
async fn ones_own_message_moves_ones_position_unless_something_is_unread_before_it() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let position = async |user: i64| {
        let request = ListReadPositionsRequest { channel_num: channel };
        let answer =
            world.message.clone().list_read_positions(world.by(user).request(request)).await.unwrap();
        let found = answer.into_inner().positions.into_iter().find(|p| p.user_num == user).unwrap();
        found.last_read_seq
    };
    world.send(users[0], channel, "1").await;
    world.send(users[0], channel, "2").await;
    assert_eq!(position(users[0]).await, 2);
    world.send(users[1], channel, "3, without having read 1 and 2").await;
    assert_eq!(position(users[1]).await, 0);
    assert_eq!(world.unread(users[1], channel).await, 2);
    world.read(users[1], channel, None).await;
    world.send(users[1], channel, "4").await;
    assert_eq!(position(users[1]).await, 4);
    assert_eq!(world.unread(users[0], channel).await, 2);
}

#[tokio::test]
async fn pages_are_exact_in_every_direction() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let mut sent = Vec::new();
    for n in 0..7 {
        sent.push(world.send(alice, channel, &format!("{n}")).await);
    }
    world.delete(alice, &sent[3]).await.unwrap();
    let page = async |limit: u32, cursor: Option<list_messages_request::Cursor>| {
        let request = ListMessagesRequest { channel_num: channel, limit, cursor, ..Default::default() };
        let answer = world.message.clone().list_messages(world.by(alice).request(request)).await.unwrap();
        let answer = answer.into_inner();
        assert_eq!(answer.max_seq, 7);
        (answer.messages.iter().map(|m| m.seq).collect::<Vec<_>>(), answer.has_more)
    };
    use list_messages_request::Cursor::{After, Before, SinceSeq};
    assert_eq!(page(3, None).await, (vec![5, 6, 7], true));
    assert_eq!(page(6, None).await, (vec![1, 2, 3, 5, 6, 7], false));
    assert_eq!(page(2, Some(Before(reference(&sent[4])))).await, (vec![2, 3], true));
    assert_eq!(page(3, Some(Before(reference(&sent[3])))).await, (vec![1, 2, 3], false));
    assert_eq!(page(2, Some(After(reference(&sent[1])))).await, (vec![3, 5], true));
    assert_eq!(page(9, Some(After(reference(&sent[6])))).await, (vec![], false));
    assert_eq!(page(3, Some(SinceSeq(2))).await, (vec![3, 4, 5], true));
    assert_eq!(page(9, Some(SinceSeq(5))).await, (vec![6, 7], false));
}

#[tokio::test]
async fn positions_name_the_newest_visible_message_before_them() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob", "carol"]).await;
    let channel = world.channel("group", users[0], &users[1..]).await;
    let first = world.send(users[0], channel, "1").await;
    let second = world.send(users[0], channel, "2").await;
    world.read(users[1], channel, Some(&second)).await;
    world.delete(users[0], &second).await.unwrap();
    let request = ListReadPositionsRequest { channel_num: channel };
    let answer =
        world.message.clone().list_read_positions(world.by(users[2]).request(request)).await.unwrap();
    let of = |user: i64| answer.get_ref().positions.iter().find(|p| p.user_num == user).cloned().unwrap();
    assert_eq!((of(users[1]).last_read_seq, of(users[1]).last_read_message_id), (2, first.id));
    assert_eq!((of(users[2]).last_read_seq, of(users[2]).last_read_message_id.as_str()), (0, ""));
}
