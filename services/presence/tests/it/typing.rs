use std::sync::Arc;

use parlance_bus::{Bus as _, Message, Topic};
use parlance_core::{Error, Reason};
use parlance_proto::event::event::Payload;
use parlance_proto::event::stream::Kind;
use parlance_proto::event::{Event, MessageCreated, Stream};

use crate::world::{APP, World};

const CHANNEL: i64 = 50;

impl World {
    /// The next typing event: user, and whether he started.
    async fn next_typing(&mut self) -> (i64, bool) {
        let event = self.next().await;
        assert_eq!(event.stream, Some(Stream { kind: Kind::Chat.into(), num: CHANNEL }));
        assert_eq!((event.offset, event.app_id.as_str()), (0, APP.to_string().as_str()));
        match event.payload.as_ref().unwrap() {
            Payload::TypingStarted(started) => (started.user_num, true),
            Payload::TypingStopped(stopped) => (stopped.user_num, false),
            other => panic!("not typing: {other:?}"),
        }
    }
}

async fn world() -> World {
    let world = World::new().await;
    world.listen(CHANNEL).await;
    world.allow(CHANNEL, 1);
    world.allow(CHANNEL, 2);
    world
}

#[tokio::test]
async fn typing_is_shown_at_most_every_two_seconds_and_ends_after_five_of_silence() {
    let mut world = world().await;
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(2, CHANNEL, true).await.unwrap();
    assert_eq!(world.next_typing().await, (1, true));
    assert_eq!(world.next_typing().await, (2, true));
    world.pass(2).await;
    world.types(1, CHANNEL, true).await.unwrap();
    assert_eq!(world.next_typing().await, (1, true));
    world.pass(3).await;
    assert_eq!(world.next_typing().await, (2, false));
    world.pass(2).await;
    assert_eq!(world.next_typing().await, (1, false));
    world.pass(60).await;
    world.assert_silent().await;
}

#[tokio::test]
async fn typing_ends_when_the_user_says_so_and_once() {
    let mut world = world().await;
    world.types(1, CHANNEL, false).await.unwrap();
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(1, CHANNEL, false).await.unwrap();
    world.types(1, CHANNEL, false).await.unwrap();
    assert_eq!(world.next_typing().await, (1, true));
    assert_eq!(world.next_typing().await, (1, false));
    world.assert_silent().await;
}

#[tokio::test]
async fn typing_ends_when_the_message_lands() {
    let mut world = world().await;
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(2, CHANNEL, true).await.unwrap();
    assert_eq!(world.next_typing().await, (1, true));
    assert_eq!(world.next_typing().await, (2, true));
    let landed = Event {
        app_id: APP.to_string(),
        stream: Some(Stream { kind: Kind::Chat.into(), num: CHANNEL }),
        offset: 1,
        actor_num: 2,
        payload: Some(Payload::MessageCreated(MessageCreated { message_num: 5, message: None })),
        ..Event::default()
    };
    world.bus.publish(vec![(Topic::chat(CHANNEL), Message::Event(Arc::new(landed)))]).await.unwrap();
    assert!(matches!(world.next().await.payload, Some(Payload::MessageCreated(_))));
    assert_eq!(world.next_typing().await, (2, false));
}

#[tokio::test]
async fn who_may_not_write_may_not_type_and_a_yes_is_believed_for_five_seconds() {
    let mut world = world().await;
    world.answers.lock().unwrap().rights.insert((CHANNEL, 3), Some("NOT_A_MEMBER"));
    for (user, channel, reason) in
        [(3, CHANNEL, Reason::NotAMember), (1, 51, Reason::ChannelNotFound), (1, 0, Reason::InvalidArgument)]
    {
        let refused = world.types(user, channel, true).await.unwrap_err();
        assert_eq!(Error::from(refused).reason, reason);
    }
    world.assert_silent().await;
    world.answers.lock().unwrap().authorizations = 0;
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(1, CHANNEL, true).await.unwrap();
    assert_eq!(world.answers.lock().unwrap().authorizations, 1);
    world.pass(5).await;
    world.types(1, CHANNEL, true).await.unwrap();
    assert_eq!(world.answers.lock().unwrap().authorizations, 2);
}

#[tokio::test]
async fn where_typing_is_switched_off_the_call_succeeds_and_nothing_is_sent() {
    let mut world = world().await;
    world.answers.lock().unwrap().silent.push(CHANNEL);
    world.answers.lock().unwrap().rights.insert((CHANNEL, 2), Some("FEATURE_DISABLED"));
    world.types(1, CHANNEL, true).await.unwrap();
    world.types(2, CHANNEL, true).await.unwrap();
    world.types(1, CHANNEL, false).await.unwrap();
    world.assert_silent().await;
}
