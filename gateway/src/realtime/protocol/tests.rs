use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn text(replies: &[Reply]) -> String {
    match Protocol::Json.encode(replies) {
        Encoded::Text(text) => text.to_string(),
        Encoded::Binary(_) => unreachable!("JSON is text"),
    }
}

#[test]
fn the_examples_of_the_contract_are_read() {
    let frame = concat!(
        r#"{"connect":{"token":"t","name":"js"},"id":1}"#,
        "\n",
        r#"{"subscribe":{"channel":"chat:A:C","flag":1,"recover":true,"offset":6,"epoch":"Ab3"},"id":2}"#
    );
    let commands = Protocol::Json.decode(frame.as_bytes(), 256).unwrap();
    assert_eq!(commands[0].connect.as_ref().unwrap().token, "t");
    let subscribe = commands[1].subscribe.as_ref().unwrap();
    assert_eq!((subscribe.flag, subscribe.offset, subscribe.recover), (1, 6, true));
    assert_eq!(subscribe.epoch, "Ab3");
    assert!(subscribe.tf.is_none());
}

#[test]
fn a_pong_is_an_empty_object_or_a_zero_byte() {
    assert_eq!(Protocol::Json.decode(b"{}", 9).unwrap(), vec![Command::default()]);
    assert_eq!(Protocol::Protobuf.decode(&[0], 9).unwrap(), vec![Command::default()]);
}

#[test]
fn null_and_unknown_fields_count_as_absent() {
    let frame =
        br#"{"id":3,"connect":null,"subscribe":{"channel":"x","tf":null,"data":{"deep":[1]},"new":[]}}"#;
    let commands = Protocol::Json.decode(frame, 9).unwrap();
    assert!(commands[0].connect.is_none());
    assert!(commands[0].subscribe.as_ref().unwrap().tf.is_none());
    let filtered = br#"{"id":3,"subscribe":{"channel":"x","tf":{"op":"","key":"k"},"type":2}}"#;
    let commands = Protocol::Json.decode(filtered, 9).unwrap();
    let subscribe = commands[0].subscribe.as_ref().unwrap();
    assert!(subscribe.tf.is_some());
    assert_eq!(subscribe.kind, 2);
}

#[test]
fn zero_empty_and_absent_are_left_out_but_results_stay() {
    let empty = Reply { id: 4, unsubscribe: Some(Empty {}), ..Reply::default() };
    assert_eq!(text(&[empty]), r#"{"id":4,"unsubscribe":{}}"#);
    let refreshed = Reply { id: 5, sub_refresh: Some(SubRefreshResult::default()), ..Reply::default() };
    assert_eq!(text(&[refreshed]), r#"{"id":5,"sub_refresh":{}}"#);
    let error = ErrorReply { code: 103, message: "permission denied".into(), temporary: false };
    assert_eq!(
        text(&[Reply { id: 6, error: Some(error), ..Reply::default() }]),
        r#"{"id":6,"error":{"code":103,"message":"permission denied"}}"#
    );
}

#[test]
fn data_is_embedded_as_json_on_one_line() {
    let data = Bytes::from_static(b"{\n \"type\": \"a\\nb\"\r\n}");
    let publication = Publication { data, offset: 1, epoch: "E".into() };
    let push = Push { channel: "chat:\"x\"".into(), publication: Some(publication), unsubscribe: None };
    assert_eq!(
        text(&[Reply { push: Some(push), ..Reply::default() }]),
        r#"{"push":{"channel":"chat:\"x\"","pub":{"data":{ "type": "a\nb"},"offset":1,"epoch":"E"}}}"#
    );
}

#[test]
fn replies_of_one_frame_are_joined_without_blank_lines() {
    let one = Reply { id: 1, unsubscribe: Some(Empty {}), ..Reply::default() };
    let two = Reply { id: 2, ..one.clone() };
    let together = Protocol::Json.encode(&[one.clone(), two.clone()]);
    let joined = Protocol::Json.join(&[
        Protocol::Json.encode(std::slice::from_ref(&one)),
        Protocol::Json.encode(std::slice::from_ref(&two)),
    ]);
    assert_eq!(together, joined);
    let together = Protocol::Protobuf.encode(&[one.clone(), two.clone()]);
    let joined =
        Protocol::Protobuf.join(&[Protocol::Protobuf.encode(&[one]), Protocol::Protobuf.encode(&[two])]);
    assert_eq!(together, joined);
}

#[test]
fn too_many_commands_and_empty_frames_are_refused() {
    let many = "{}\n".repeat(257);
    assert_eq!(Protocol::Json.decode(many.as_bytes(), 256), Err(DecodeError::TooManyCommands));
    assert_eq!(Protocol::Json.decode("{}\n".repeat(256).as_bytes(), 256).unwrap().len(), 256);
    assert_eq!(Protocol::Protobuf.decode(&[0; 257], 256), Err(DecodeError::TooManyCommands));
    for protocol in [Protocol::Json, Protocol::Protobuf] {
        assert_eq!(protocol.decode(b"", 256), Err(DecodeError::Empty));
    }
    assert_eq!(Protocol::Json.decode(b"{}\n\n{}", 256), Err(DecodeError::Malformed));
    assert_eq!(Protocol::Json.decode(b"\n", 256), Err(DecodeError::Malformed));
}

#[test]
fn a_giant_length_is_refused_without_allocation() {
    // 2^63 - 1 and 2^31 bytes announced, none sent.
    for prefix in
        [&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0x80, 0x80, 0x80, 0x80, 0x08]]
    {
        assert_eq!(Protocol::Protobuf.decode(prefix, 256), Err(DecodeError::Malformed));
    }
    // The same inside of a message: connect.token with a lying length.
    let lying = [0x09, 0x22, 0x07, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
    assert_eq!(Protocol::Protobuf.decode(&lying, 256), Err(DecodeError::Malformed));
}

#[test]
fn deep_json_is_refused_and_not_followed() {
    let deep = format!(r#"{{"id":1,"send":{{"data":{}}}}}"#, "[".repeat(30_000));
    assert_eq!(Protocol::Json.decode(deep.as_bytes(), 256), Err(DecodeError::Malformed));
}

fn reply() -> impl Strategy<Value = Reply> {
    let publication = (any::<u64>(), "[a-z]{0,5}", any::<u32>()).prop_map(|(offset, epoch, value)| {
        Publication { data: Bytes::from(format!("{{\"v\":{value}}}")), offset, epoch }
    });
    let subscribe = (
        any::<u32>(),
        any::<bool>(),
        "\\PC{0,12}",
        any::<u64>(),
        prop::collection::vec(publication.clone(), 0..3),
    )
        .prop_map(|(ttl, recovered, epoch, offset, publications)| SubscribeResult {
            ttl,
            recovered,
            epoch,
            offset,
            publications,
            ..SubscribeResult::default()
        });
    let push = ("\\PC{0,12}", prop::option::of(publication), any::<u32>(), "\\PC{0,9}").prop_map(
        |(channel, publication, code, reason)| Push {
            channel,
            publication,
            unsubscribe: Some(Unsubscribe { code, reason }),
        },
    );
    (any::<u32>(), prop::option::of(subscribe), prop::option::of(push))
        .prop_map(|(id, subscribe, push)| Reply { id, subscribe, push, ..Reply::default() })
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Protocol::Json.decode(&bytes, 256);
        let _ = Protocol::Protobuf.decode(&bytes, 256);
    }

    #[test]
    fn truncated_and_damaged_frames_never_panic(
        token in "\\PC{0,40}", channel in "\\PC{0,40}", cut in 0usize..120, at in 0usize..120, byte in any::<u8>()
    ) {
        let connect = ConnectRequest { token, ..ConnectRequest::default() };
        let subscribe = SubscribeRequest { channel, recover: true, offset: 1 << 40, ..SubscribeRequest::default() };
        let command = Command { id: 7, connect: Some(connect), subscribe: Some(subscribe), ..Command::default() };
        let mut frame = command.encode_length_delimited_to_vec();
        prop_assert_eq!(Protocol::Protobuf.decode(&frame, 256).unwrap(), vec![command]);
        let _ = Protocol::Protobuf.decode(&frame[..cut.min(frame.len())], 256);
        let at = at.min(frame.len() - 1);
        frame[at] = byte;
        if let Ok(commands) = Protocol::Protobuf.decode(&frame, 256) {
            prop_assert!(commands.len() <= 256);
        }
    }

    #[test]
    fn both_forms_say_the_same(reply in reply()) {
        let Encoded::Binary(bytes) = Protocol::Protobuf.encode(std::slice::from_ref(&reply)) else { unreachable!() };
        prop_assert_eq!(&Reply::decode_length_delimited(bytes).unwrap(), &reply);
        let line = text(std::slice::from_ref(&reply));
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
    }
}
