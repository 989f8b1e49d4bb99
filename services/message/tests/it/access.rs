use parlance_core::{Caller, Error, Reason};
use parlance_proto::channel::{BlockUserRequest, UnblockUserRequest};
use parlance_proto::message::*;
use parlance_rpc::Context;

use crate::world::{World, reference, text_to};

#[tokio::test]
async fn a_stranger_neither_sends_nor_reads_nor_marks() {
    let world = World::new().await;
    let users = world.users(&["alice", "eve"]).await;
    let channel = world.channel("group", users[0], &[]).await;
    let sent = world.send(users[0], channel, "secret").await;
    let eve = world.by(users[1]);
    let mut message = world.message.clone();
    let refused = |status: tonic::Status| Error::from(status).reason;

    let error = world.try_send(users[1], text_to(channel, "x")).await.unwrap_err();
    assert_eq!(error.reason, Reason::NotAMember);
    let list = ListMessagesRequest { channel_num: channel, ..Default::default() };
    assert_eq!(refused(message.list_messages(eve.request(list)).await.unwrap_err()), Reason::NotAMember);
    let read = MarkReadRequest { channel_num: channel, ..Default::default() };
    assert_eq!(refused(message.mark_read(eve.request(read)).await.unwrap_err()), Reason::NotAMember);
    let react =
        AddReactionRequest { channel_num: channel, message: Some(reference(&sent)), r#type: "👍".into() };
    assert_eq!(refused(message.add_reaction(eve.request(react)).await.unwrap_err()), Reason::NotAMember);
    // Without naming a channel he gets nothing, and no hint that there is something.
    let get = GetMessagesRequest { messages: vec![reference(&sent)], channel_num: 0 };
    assert!(message.get_messages(eve.request(get)).await.unwrap().into_inner().messages.is_empty());
}

#[tokio::test]
async fn a_removed_member_is_refused_although_his_permission_was_remembered() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    world.send(users[1], channel, "I may").await;
    world.remove(channel, users[0], users[1]).await;
    let error = world.try_send(users[1], text_to(channel, "still?")).await.unwrap_err();
    assert_eq!(error.reason, Reason::NotAMember);
    let list = ListMessagesRequest { channel_num: channel, ..Default::default() };
    let status = world.message.clone().list_messages(world.by(users[1]).request(list)).await.unwrap_err();
    assert_eq!(Error::from(status).reason, Reason::NotAMember);
}

#[tokio::test]
async fn another_app_sees_no_channel_and_no_message() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("public", alice, &[]).await;
    let sent = world.send(alice, channel, "ours").await;
    let foreign = Context::new(Caller::user(uuid::Uuid::new_v4(), alice));
    let list = ListMessagesRequest { channel_num: channel, ..Default::default() };
    let status = world.message.clone().list_messages(foreign.request(list)).await.unwrap_err();
    assert_eq!(Error::from(status).reason, Reason::ChannelNotFound);
    let get = GetMessagesRequest { messages: vec![reference(&sent)], channel_num: 0 };
    let found = world.message.clone().get_messages(foreign.request(get)).await.unwrap();
    assert!(found.into_inner().messages.is_empty());
}

#[tokio::test]
async fn who_has_been_blocked_is_refused_although_his_permission_was_remembered() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let direct = world.channel("messaging", users[0], &[users[1]]).await;
    world.send(users[1], direct, "I may").await;
    let block = BlockUserRequest { user_num: users[1] };
    let done = world.channel.clone().block_user(world.by(users[0]).request(block)).await.unwrap();
    world.settle(done.into_inner().log_position).await;
    for user in &users {
        let error = world.try_send(*user, text_to(direct, "still?")).await.unwrap_err();
        assert_eq!(error.reason, Reason::UserBlocked);
    }
    assert_eq!(world.list(users[1], direct).await.len(), 1, "what was said can be read");
    let unblock = UnblockUserRequest { user_num: users[1] };
    world.channel.clone().unblock_user(world.by(users[0]).request(unblock)).await.unwrap();
    world.send(users[1], direct, "again").await;
}
