use parlance_core::Reason;
use parlance_proto::notification::*;

use crate::world::{World, reason};

async fn get(world: &World, user: i64) -> GetPreferencesResponse {
    let request = world.by(user).request(GetPreferencesRequest {});
    world.notification.clone().get_preferences(request).await.unwrap().into_inner()
}

fn usual() -> Preferences {
    Preferences {
        push_enabled: true,
        new_messages: true,
        mentions: true,
        reactions: false,
        channel_invites: true,
        thread_replies: true,
        quiet_hours_enabled: false,
        quiet_hours_start: "22:00".into(),
        quiet_hours_end: "07:00".into(),
        timezone: "UTC".into(),
    }
}

#[tokio::test]
async fn whoever_changed_nothing_has_the_defaults() {
    let world = World::new().await;
    let users = world.users(&["ada"]).await;
    let found = get(&world, users[0]).await;
    assert_eq!(found.preferences, Some(usual()));
    assert_eq!(found.novu, "");
}

#[tokio::test]
async fn a_change_keeps_the_rest_and_a_wrong_one_changes_nothing() {
    let world = World::new().await;
    let users = world.users(&["ada", "bob"]).await;
    let change = UpdatePreferencesRequest {
        reactions: Some(true),
        quiet_hours_start: Some("23:30".into()),
        timezone: Some("America/New_York".into()),
        ..Default::default()
    };
    world.prefer(users[0], change).await.unwrap();
    let change = UpdatePreferencesRequest { quiet_hours_enabled: Some(true), ..Default::default() };
    let answered = world.prefer(users[0], change).await.unwrap();
    let expected = Preferences {
        reactions: true,
        quiet_hours_enabled: true,
        quiet_hours_start: "23:30".into(),
        timezone: "America/New_York".into(),
        ..usual()
    };
    assert_eq!(answered, expected);
    for wrong in [
        UpdatePreferencesRequest { quiet_hours_end: Some("25:00".into()), ..Default::default() },
        UpdatePreferencesRequest { timezone: Some("Nowhere".into()), ..Default::default() },
    ] {
        let wrong = UpdatePreferencesRequest { mentions: Some(false), ..wrong };
        assert_eq!(reason(world.prefer(users[0], wrong).await), Reason::InvalidArgument);
    }
    assert_eq!(get(&world, users[0]).await.preferences, Some(expected));
    assert_eq!(get(&world, users[1]).await.preferences, Some(usual()));
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_undo_each_other() {
    let world = World::new().await;
    let users = world.users(&["ada"]).await;
    let off = |change: UpdatePreferencesRequest| world.prefer(users[0], change);
    let none = UpdatePreferencesRequest::default;
    let (a, b, c) = tokio::join!(
        off(UpdatePreferencesRequest { mentions: Some(false), ..none() }),
        off(UpdatePreferencesRequest { new_messages: Some(false), ..none() }),
        off(UpdatePreferencesRequest { thread_replies: Some(false), ..none() }),
    );
    for answer in [a, b, c] {
        answer.unwrap();
    }
    let found = get(&world, users[0]).await.preferences.unwrap();
    assert_eq!((found.mentions, found.new_messages, found.thread_replies), (false, false, false));
}

#[tokio::test]
async fn an_app_with_novu_shows_what_it_keeps_of_a_user() {
    let world = World::new().await;
    let users = world.users(&["ada"]).await;
    world.set(ProviderKind::Novu, "{}", "{}").await.unwrap();
    assert_eq!(get(&world, users[0]).await.novu, r#"{"of":"ada"}"#);
}
