//! centrifugo.md §1 and §2.3: frames, and what breaks them.

use parlance_integration_tests::realtime::{ChannelRequest, Close, Command, Empty, SubscribeRequest};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_tungstenite::tungstenite::Message;

use crate::prelude::*;

async fn connected() -> (Harness, User, Realtime) {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let client = Realtime::connect(&server, &alice).await;
    (server, alice, client)
}

#[track_caller]
fn is_bad_request(close: &Close) {
    assert_eq!((close.code, close.reason.is_empty()), (3501, false), "{close:?}");
}

#[tokio::test]
async fn anything_but_connect_before_connecting_is_a_bad_request() {
    let server = Harness::start().await;
    let subscribe = SubscribeRequest { channel: "chat:a:b".into(), ..Default::default() };
    for command in [
        Command::default(),
        Command { id: 1, ping: Some(Empty {}), ..Default::default() },
        Command { id: 1, subscribe: Some(subscribe), ..Default::default() },
        Command { id: 1, ..Default::default() },
    ] {
        for encoding in Encoding::ALL {
            let client = Realtime::open(&server.realtime_url(), encoding).await;
            client.send(std::slice::from_ref(&command)).await;
            is_bad_request(&client.closed().await);
        }
    }
}

#[tokio::test]
async fn a_second_connect_is_a_bad_request() {
    let (_server, alice, client) = connected().await;
    let connect = parlance_integration_tests::realtime::ConnectRequest {
        token: alice.ws_token.clone(),
        ..Default::default()
    };
    client.send(&[Command { id: 9, connect: Some(connect), ..Default::default() }]).await;
    is_bad_request(&client.closed().await);
}

#[tokio::test]
async fn an_unasked_pong_is_a_bad_request() {
    let (_server, _alice, client) = connected().await;
    client.send(&[Command::default()]).await;
    is_bad_request(&client.closed().await);
}

#[tokio::test]
async fn broken_frames_are_bad_requests() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for text in
        ["", "{", "nonsense", "[]", "7", "{\"id\":\"x\"}", "{\"id\":1,\"subscribe\":7}", "\n", "{\"id\":-1}"]
    {
        let client = Realtime::connect(&server, &alice).await;
        client.send_message(Message::text(text)).await;
        is_bad_request(&client.closed().await);
    }
    for bytes in [
        &[][..],
        &[0x05, 0x08][..],
        &[0xff; 9][..],
        &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00][..],
        &[0x02, 0xff, 0xff][..],
    ] {
        let client = Realtime::connect_in(&server, &alice, Encoding::Protobuf).await;
        client.send_message(Message::binary(bytes.to_vec())).await;
        is_bad_request(&client.closed().await);
    }
}

#[tokio::test]
async fn a_message_over_64_kib_is_a_bad_request_and_one_below_is_not() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let padded = |length: usize| {
        let head = r#"{"id":2,"unsubscribe":{"channel":"x"}}"#;
        Message::text(format!("{head}{}", " ".repeat(length - head.len())))
    };
    let client = Realtime::connect(&server, &alice).await;
    client.send_message(padded(65_536)).await;
    assert!(client.reply(2).await.error.is_none());
    client.send_message(padded(65_537)).await;
    is_bad_request(&client.closed().await);
}

#[tokio::test]
async fn more_than_256_commands_in_a_frame_are_a_bad_request() {
    let (_server, _alice, client) = connected().await;
    let unsubscribe = |id: u32| Command {
        id,
        unsubscribe: Some(ChannelRequest { channel: "x".into() }),
        ..Default::default()
    };
    let commands: Vec<Command> = (10..266).map(unsubscribe).collect();
    client.send(&commands).await;
    assert!(client.reply(265).await.error.is_none());
    let commands: Vec<Command> = (300..557).map(unsubscribe).collect();
    client.send(&commands).await;
    is_bad_request(&client.closed().await);
}

#[tokio::test]
async fn commands_that_are_not_available_say_so() {
    use parlance_integration_tests::realtime::{PublishRequest, RpcRequest, SendRequest};
    let (_server, alice, client) = connected().await;
    let group = alice.group("g", &[]).await;
    let code = async |command: Command| client.ask(command).await.error.expect("refused").code;
    assert_eq!(code(Command { ping: Some(Empty {}), ..Default::default() }).await, 108);
    let rpc = RpcRequest { data: b"{}".to_vec(), method: "x".into() };
    assert_eq!(code(Command { rpc: Some(rpc), ..Default::default() }).await, 108);
    let publish = PublishRequest { channel: alice.chat(&group), data: b"{}".to_vec() };
    assert_eq!(code(Command { publish: Some(publish), ..Default::default() }).await, 103);
    let kind = SubscribeRequest { channel: alice.chat(&group), kind: 1, ..Default::default() };
    assert_eq!(client.subscribe_with(kind).await.error.unwrap().code, 108);
    client.subscribed(&alice.chat(&group)).await;
    let send = SendRequest { data: b"{}".to_vec() };
    client.send(&[Command { send: Some(send), ..Default::default() }]).await;
    assert_eq!(client.closed().await.code, 3508);
}

#[tokio::test]
async fn a_command_without_an_id_is_a_bad_request() {
    let (_server, alice, client) = connected().await;
    let subscribe = SubscribeRequest { channel: alice.stream(), ..Default::default() };
    client.send(&[Command { id: 0, subscribe: Some(subscribe), ..Default::default() }]).await;
    is_bad_request(&client.closed().await);
}

#[tokio::test]
async fn random_frames_never_harm_the_server() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..300 {
        let encoding = Encoding::ALL[round % 2];
        let client = Realtime::connect_in(&server, &alice, encoding).await;
        let length = random.random_range(0..300);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        let message = match encoding {
            Encoding::Json => Message::text(String::from_utf8_lossy(&bytes).into_owned()),
            Encoding::Protobuf => Message::binary(bytes),
        };
        client.send_message(message).await;
    }
    Realtime::follow(&server, &alice, &[]).await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
