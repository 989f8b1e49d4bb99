//! Each kind of notification, and who gets it.

use parlance_core::id;
use parlance_notification::Settings;
use parlance_proto::message::{Attachment, MessageDraft};
use parlance_proto::notification::UpdatePreferencesRequest;

use crate::recorder::Tried;
use crate::world::World;

fn data<'a>(tried: &'a Tried, key: &str) -> &'a str {
    tried.push.data.get(key).map_or("", String::as_str)
}

fn said(tried: &Tried) -> (&str, &str) {
    (&tried.push.title, &tried.push.body)
}

fn tokens(taken: &[Tried]) -> Vec<&str> {
    let mut tokens: Vec<&str> = taken.iter().map(|one| one.target.token.as_str()).collect();
    tokens.sort_unstable();
    tokens
}

#[tokio::test]
async fn a_message_reaches_every_device_of_the_others_and_none_of_its_authors() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve", "joe"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..3]).await;
    for (user, token) in [(0, "ada's"), (1, "bob's"), (1, "bob's other"), (2, "eve's"), (3, "a stranger's")] {
        world.device(users[user], token).await;
    }
    let message = world.send(users[0], channel, "Hello").await;
    let taken = world.taken(3).await;
    assert_eq!(tokens(&taken), ["bob's", "bob's other", "eve's"]);
    let push = &taken[0].push;
    assert_eq!(said(&taken[0]), ("General", "Ada: Hello"));
    assert_eq!(data(&taken[0], "type"), "message");
    assert_eq!(data(&taken[0], "channelId"), id::text_of(channel));
    assert_eq!(data(&taken[0], "messageId"), message.id);
    assert_eq!(data(&taken[0], "userId"), "ada");
    assert_eq!((push.app, push.badge), (world.app, Some(1)));
    assert_eq!(push.collapse_key, id::text_of(channel));
    assert!(push.expires_at > world.now());
    let ids: std::collections::HashSet<_> = taken.iter().map(|one| one.push.id).collect();
    assert_eq!(ids.len(), 3, "one delivery for each device");
}

#[tokio::test]
async fn a_direct_message_speaks_for_its_sender_and_a_picture_for_itself() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.channel("messaging", "", users[0], &users[1..]).await;
    world.device(users[1], "bob's").await;
    let picture = Attachment {
        r#type: "image".into(),
        url: "https://example.org/cat.png".into(),
        name: "cat.png".into(),
        ..Default::default()
    };
    let draft = MessageDraft { attachments: vec![picture], ..Default::default() };
    world.send_draft(users[0], channel, draft).await;
    let taken = world.taken(1).await;
    assert_eq!(said(&taken[0]), ("Ada", "Sent a photo"));
    assert_eq!(taken[0].push.image.as_deref(), Some("https://example.org/cat.png"));
    assert_eq!(taken[0].push.user_id, "bob");
}

#[tokio::test]
async fn a_mention_is_told_as_one_and_as_a_message_to_whoever_wants_no_mentions() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    world.device(users[1], "bob's").await;
    world.device(users[2], "eve's").await;
    let change = UpdatePreferencesRequest { mentions: Some(false), ..Default::default() };
    world.prefer(users[2], change).await.unwrap();
    world.send(users[0], channel, "@bob and @eve, look").await;
    let mut taken = world.taken(2).await;
    taken.sort_by(|a, b| a.target.token.cmp(&b.target.token));
    assert_eq!(said(&taken[0]), ("Ada mentioned you in General", "@bob and @eve, look"));
    assert_eq!(said(&taken[1]), ("General", "Ada: @bob and @eve, look"));
    assert_eq!((data(&taken[0], "type"), data(&taken[1], "type")), ("mention", "message"));
}

#[tokio::test]
async fn an_edit_tells_those_whom_it_mentions_anew() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    let message = world.send(users[0], channel, "@bob look").await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    world.device(users[2], "eve's").await;
    world.edit(users[0], &message, "@bob and @eve look").await;
    let taken = world.taken(1).await;
    assert_eq!((&*taken[0].target.token, data(&taken[0], "type")), ("eve's", "mention"));
}

#[tokio::test]
async fn a_reply_reaches_the_parents_author_and_those_who_took_part() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve", "joe"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    let parent = world.send(users[0], channel, "A question").await;
    world.reply(users[1], &parent, "An answer").await;
    world.settled().await;
    for (user, token) in [(0, "ada's"), (1, "bob's"), (2, "eve's"), (3, "joe's")] {
        world.device(users[user], token).await;
    }
    let reply = world.reply(users[2], &parent, "Another answer").await;
    let taken = world.taken(2).await;
    assert_eq!(tokens(&taken), ["ada's", "bob's"]);
    assert_eq!(said(&taken[0]), ("Eve replied in General", "Another answer"));
    assert_eq!(data(&taken[0], "type"), "thread_reply");
    assert_eq!((data(&taken[0], "messageId"), data(&taken[0], "parentId")), (&*reply.id, &*parent.id));
}

#[tokio::test]
async fn a_reaction_reaches_the_author_who_wants_reactions() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    let message = world.send(users[0], channel, "Hello").await;
    let other = world.send(users[2], channel, "Hello").await;
    world.settled().await;
    world.device(users[0], "ada's").await;
    world.device(users[2], "eve's").await;
    let change = UpdatePreferencesRequest { reactions: Some(true), ..Default::default() };
    world.prefer(users[0], change).await.unwrap();
    world.react(users[1], &other, "👍").await;
    world.react(users[0], &message, "😀").await;
    world.react(users[1], &message, "🎉").await;
    let taken = world.taken(1).await;
    assert_eq!(tokens(&taken), ["ada's"], "reactions are off by default, and one's own are not told");
    assert_eq!(said(&taken[0]), ("General", "Bob reacted 🎉 to your message: Hello"));
    assert_eq!((data(&taken[0], "type"), data(&taken[0], "reaction")), ("reaction", "🎉"));
}

#[tokio::test]
async fn new_members_are_told_of_their_invitation_unless_they_came_by_themselves() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve", "joe"]).await;
    for (user, token) in [(0, "ada's"), (1, "bob's"), (2, "eve's"), (3, "joe's")] {
        world.device(users[user], token).await;
    }
    let channel = world.channel("public", "General", users[0], &users[1..2]).await;
    world.taken(1).await;
    world.add(channel, users[0], &users[2..3]).await;
    world.add(channel, users[3], &users[3..]).await;
    let direct = world.channel("messaging", "", users[0], &users[3..]).await;
    let taken = world.taken(2).await;
    assert_eq!(tokens(&taken), ["bob's", "eve's"]);
    for one in &taken {
        assert_eq!(said(one), ("General", "Ada added you to General"));
        assert_eq!(data(one, "type"), "invite");
    }
    world.send(users[0], direct, "Hi").await;
    let taken = world.taken(3).await;
    assert_eq!(said(&taken[2]), ("Ada", "Hi"), "a direct channel announces itself with its first message");
}

#[tokio::test]
async fn in_a_large_channel_only_those_mentioned_are_told() {
    let world = World::with(Settings { max_fanout_members: 2, ..Settings::default() }).await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..2]).await;
    world.device(users[1], "bob's").await;
    world.device(users[2], "eve's").await;
    world.send(users[0], channel, "two members").await;
    world.taken(1).await;
    world.advance(10);
    world.add(channel, users[0], &users[2..]).await;
    let taken = world.taken(2).await;
    assert_eq!(data(&taken[1], "type"), "invite");
    world.advance(10);
    world.send(users[0], channel, "three members").await;
    world.send(users[0], channel, "@eve among them").await;
    let taken = world.taken(3).await;
    assert_eq!((taken[2].target.token.as_str(), data(&taken[2], "type")), ("eve's", "mention"));
}

#[tokio::test]
async fn whoever_joins_gets_what_follows_and_nothing_of_before() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    let channel = world.channel("public", "General", users[0], &users[1..2]).await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    world.device(users[2], "eve's").await;
    world.send(users[0], channel, "before").await;
    world.taken(1).await;
    world.add(channel, users[2], &users[2..]).await;
    world.advance(10);
    world.send(users[0], channel, "after").await;
    let taken = world.taken(3).await;
    assert_eq!(tokens(&taken), ["bob's", "bob's", "eve's"]);
}
