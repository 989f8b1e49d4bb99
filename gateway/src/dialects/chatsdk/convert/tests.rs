use serde_json::{Value, json};

use super::*;

const MADE: Num = 4711 << 22;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 123_456_789 })
}

fn alice() -> auth::User {
    auth::User {
        num: 1,
        id: "alice".to_owned(),
        email: "alice@example.com".to_owned(),
        custom: r#"{"team":"red"}"#.to_owned(),
        created_at: at(1_704_067_200),
        ..auth::User::default()
    }
}

fn people(users: Vec<auth::User>) -> People {
    People::new(users.into_iter().map(|user| (user.num, Arc::new(user))).collect(), false)
}

fn hello() -> message::Message {
    message::Message {
        num: MADE,
        id: id::text_of(MADE),
        channel_num: 7 << 22,
        seq: 42,
        author_num: 1,
        text: "Hello @bob".to_owned(),
        mention_nums: vec![2, 1],
        reactions: vec![message::ReactionGroup {
            r#type: "👍".to_owned(),
            count: 7,
            own: true,
            user_nums: vec![9, 1, 1, 1, 1, 1],
            first_at: None,
        }],
        created_at: at(1_704_067_200),
        ..message::Message::default()
    }
}

fn shown<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn a_message_has_every_field_that_client_schemas_want() {
    let json = shown(message(&hello(), &people(vec![alice()]), true));
    for (key, value) in [
        ("seq", json!(42)),
        ("userId", json!("alice")),
        ("user_id", json!("alice")),
        ("text", json!("Hello @bob")),
        ("status", json!("sent")),
        ("type", json!("regular")),
        ("pinned", json!(false)),
        ("deleted", json!(false)),
        ("reactionCount", json!(7)),
        ("replyCount", json!(0)),
        ("attachments", json!([])),
        ("linkPreviews", json!([])),
        ("mentions", json!(["alice"])),
        ("createdAt", json!("2024-01-01T00:00:00.123Z")),
        ("updated_at", json!("2024-01-01T00:00:00.123Z")),
        ("parentId", Value::Null),
        ("poll", Value::Null),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(json["channelId"], json["cid"]);
    assert!(json.get("duplicate").is_none());
    let reaction = &json["reactions"][0];
    assert_eq!(reaction["own"], true);
    assert_eq!(reaction["users"].as_array().unwrap().len(), 5);
    let author = &json["user"];
    assert_eq!(author["name"], "alice", "a user without a name is shown by id");
    assert_eq!(author["custom"], json!({}), "custom data of an author is not for readers");
}

#[test]
fn events_never_mark_reactions_as_own() {
    let json = shown(message(&hello(), &people(vec![alice()]), false));
    assert_eq!(json["reactions"][0]["own"], false);
}

#[test]
fn a_tombstone_shows_that_something_was_there_and_nothing_of_it() {
    let mut gone = hello();
    gone.deleted_at = at(1_704_067_300);
    gone.attachments = vec![message::Attachment::default()];
    let json = shown(message(&gone, &people(vec![alice()]), true));
    assert_eq!(
        (&json["type"], &json["deleted"], &json["text"]),
        (&json!("deleted"), &json!(true), &Value::Null)
    );
    for empty in ["attachments", "reactions", "mentions", "linkPreviews"] {
        assert_eq!(json[empty], json!([]), "{empty}");
    }
    assert_eq!(json["seq"], 42);
    assert_eq!(json["userId"], "alice");
}

#[test]
fn a_deleted_author_has_no_name_and_still_a_time() {
    let gone = auth::User { id: String::new(), deleted_at: at(1_704_067_300), ..alice() };
    let json = shown(message(&hello(), &people(vec![gone]), true));
    assert_eq!(json["userId"], DELETED_USER);
    let expected = json!({"id": DELETED_USER, "name": "Deleted user", "image": null, "deleted": true,
        "createdAt": "2024-01-01T00:00:00.123Z", "updatedAt": "2024-01-01T00:00:00.123Z"});
    assert_eq!(json["user"], expected);
}

#[test]
fn attachments_always_have_name_size_and_mime_type() {
    let bare = |kind: &str, url: &str| {
        shown(attachment(&message::Attachment {
            r#type: kind.to_owned(),
            url: url.to_owned(),
            ..message::Attachment::default()
        }))
    };
    let image = bare("image", "https://cdn.example/a/photo.jpg?size=2#x");
    let expected = json!({"type": "image", "url": "https://cdn.example/a/photo.jpg?size=2#x",
        "name": "photo.jpg", "size": 0, "fileSize": 0, "mimeType": "image/jpeg"});
    assert_eq!(image, expected);
    assert_eq!(bare("file", "https://cdn.example")["name"], "file");
    assert_eq!(bare("file", "https://cdn.example/")["name"], "file");
    assert_eq!(bare("file", "x")["mimeType"], "application/octet-stream");
}

#[test]
fn details_of_a_user_are_for_himself_and_the_backend() {
    let hidden = shown(user(&alice(), Presence::default(), false));
    assert_eq!((&hidden["email"], &hidden["custom"]), (&Value::Null, &json!({})));
    let full = shown(user(&alice(), Presence::default(), true));
    assert_eq!(full["custom"], json!({"team": "red", "email": "alice@example.com"}));
    assert_eq!(full["email"], "alice@example.com");
    assert_eq!(full["image"], Value::Null);
}

#[test]
fn a_direct_channel_is_named_after_the_other_one() {
    let bob = auth::User { num: 2, id: "bob".to_owned(), name: "Bob".to_owned(), ..auth::User::default() };
    let people = people(vec![alice(), bob]);
    let direct = channel::Channel {
        num: MADE,
        r#type: "messaging".to_owned(),
        creator_num: 1,
        direct_member_nums: vec![1, 2],
        idempotency_key: "k".to_owned(),
        ..channel::Channel::default()
    };
    let name =
        |viewer| shown(super::channel(&direct, &people, Surroundings { viewer, ..Surroundings::default() }));
    assert_eq!(name(Some(1))["name"], "Bob");
    assert_eq!(name(Some(2))["name"], "alice");
    assert_eq!(name(None)["name"], Value::Null);
    assert_eq!(name(Some(1))["idempotencyKey"], "k");
    assert_eq!(name(Some(2))["idempotencyKey"], Value::Null);
    assert_eq!(name(None)["createdBy"], "alice");
}

#[test]
fn unread_is_for_members_only() {
    let summary =
        message::summarize_channels_response::Summary { unread: 3, last_read_seq: 4, ..Default::default() };
    let open = channel::Channel { num: MADE, ..channel::Channel::default() };
    let joined = channel::Channel {
        membership: Some(channel::Member { role: "member".to_owned(), ..Default::default() }),
        ..open.clone()
    };
    let around = || Surroundings { summary: Some(&summary), ..Surroundings::default() };
    let outside = shown(super::channel(&open, &People::default(), around()));
    assert_eq!((&outside["unreadCount"], &outside["role"]), (&json!(0), &Value::Null));
    let inside = shown(super::channel(&joined, &People::default(), around()));
    assert_eq!((&inside["unreadCount"], &inside["unread_count"]), (&json!(3), &json!(3)));
    assert_eq!(inside["lastReadSeq"], 4);
    assert_eq!(inside["role"], "member");
}

#[test]
fn a_link_preview_has_the_names_of_the_contract_and_their_aliases() {
    let video = link_preview::LinkPreview {
        url: "https://youtu.be/abc".to_owned(),
        title: "A video".to_owned(),
        image: "https://img.example/abc.jpg".to_owned(),
        site_name: "YouTube".to_owned(),
        kind: LinkKind::Video.into(),
        video_id: "abc".to_owned(),
        embed_url: "https://www.youtube.com/embed/abc".to_owned(),
        ..Default::default()
    };
    let plain = link_preview::LinkPreview { url: "https://a.example".to_owned(), ..Default::default() };
    let with = message::Message { link_previews: vec![video, plain], ..hello() };
    let json = shown(message(&with, &people(vec![alice()]), true));
    let embed = "https://www.youtube.com/embed/abc";
    assert_eq!(
        json["linkPreviews"],
        json!([
            {
                "url": "https://youtu.be/abc", "title": "A video", "description": null,
                "image": "https://img.example/abc.jpg", "imageUrl": "https://img.example/abc.jpg",
                "siteName": "YouTube", "type": "video", "videoId": "abc", "embedUrl": embed, "videoUrl": embed,
            },
            {
                "url": "https://a.example", "title": "https://a.example", "description": null, "image": null,
                "imageUrl": null, "siteName": null, "type": "website",
            },
        ])
    );
    let deleted = message::Message { deleted_at: at(1_704_067_300), ..with };
    let json = shown(message(&deleted, &people(vec![alice()]), true));
    assert_eq!(json["linkPreviews"], json!([]));
}
