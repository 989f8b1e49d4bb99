use std::time::Duration;

use futures_util::future::join_all;
use parlance_bus::{Message, Topic};
use parlance_core::{Caller, Reason};
use parlance_proto::auth::*;
use parlance_proto::event::event::Payload;

use crate::fixture::{App, Auth, auth, reason};

fn named(id: &str, name: &str) -> UserInput {
    UserInput { id: id.into(), name: Some(name.into()), ..Default::default() }
}

async fn list(auth: &Auth, app: &App, request: ListUsersRequest) -> Vec<String> {
    let users = auth.client().list_users(app.backend(request)).await.unwrap().into_inner().users;
    users.into_iter().map(|user| user.id).collect()
}

async fn upsert_all(auth: &Auth, app: &App, users: Vec<UserInput>) -> Vec<upsert_users_response::Result> {
    auth.client().upsert_users(app.backend(UpsertUsersRequest { users })).await.unwrap().into_inner().results
}

#[tokio::test]
async fn given_fields_win_absent_ones_stay_and_custom_is_merged() {
    let auth = auth().await;
    let app = auth.app().await;
    let first = auth
        .upsert(
            &app,
            UserInput {
                id: "anna".into(),
                name: Some("Anna".into()),
                email: Some("anna@example.com".into()),
                image: Some("https://example.com/a.png".into()),
                custom: Some(r#"{"a":1,"big":9007199254740993}"#.into()),
            },
        )
        .await;
    assert!(first.created);
    auth.clock.advance(Duration::from_secs(5));
    let second = auth
        .upsert(
            &app,
            UserInput {
                id: "anna".into(),
                image: Some(String::new()),
                custom: Some(r#"{"a":null,"b":[true]}"#.into()),
                ..Default::default()
            },
        )
        .await;
    assert!(!second.created);
    let (before, user) = (first.user.unwrap(), second.user.unwrap());
    assert_eq!((user.num, user.name.as_str(), user.email.as_str()), (before.num, "Anna", "anna@example.com"));
    assert_eq!(user.image, "");
    assert_eq!(user.custom, r#"{"b":[true],"big":9007199254740993}"#);
    assert_eq!(user.created_at, before.created_at);
    assert_eq!(user.updated_at, Some(auth.now().timestamp()));
    assert_eq!(user.kind(), user::Kind::Human);
    assert_eq!(auth.get(&app, &["anna"]).await, [user]);
}

#[tokio::test]
async fn each_item_of_a_batch_succeeds_or_fails_by_itself() {
    let auth = auth().await;
    let app = auth.app().await;
    let big = format!(r#"{{"x":"{}"}}"#, "y".repeat(6000));
    let with = |id: &str, change: fn(&mut UserInput)| {
        let mut item = UserInput { id: id.into(), ..Default::default() };
        change(&mut item);
        item
    };
    let results = upsert_all(
        &auth,
        &app,
        vec![
            named("good", "Good"),
            named("", "No id"),
            named("bad\0id", "x"),
            named(&"x".repeat(256), "x"),
            with("a", |item| item.email = Some("not an address".into())),
            with("b", |item| item.image = Some("javascript:alert(1)".into())),
            with("c", |item| item.custom = Some("[]".into())),
            UserInput { id: "d".into(), custom: Some(big), ..Default::default() },
            named("e", &"n".repeat(256)),
            named("good", "Better"),
        ],
    )
    .await;
    let reasons: Vec<&str> = results.iter().map(|result| result.error_reason.as_str()).collect();
    let invalid = "INVALID_ARGUMENT";
    assert_eq!(
        reasons,
        ["", invalid, invalid, invalid, invalid, invalid, invalid, "CUSTOM_TOO_LARGE", invalid, ""]
    );
    let fields: Vec<&str> = results.iter().map(|result| result.error_field.as_str()).collect();
    assert_eq!(fields, ["", "id", "id", "id", "email", "image", "custom", "custom", "name", ""]);
    assert!(results.iter().all(|result| result.error_reason.is_empty() == result.user.is_some()));
    assert!(results[0].created && !results[9].created);
    assert_eq!(results[9].user.as_ref().unwrap().name, "Better");
    assert_eq!(list(&auth, &app, ListUsersRequest::default()).await, ["good"]);
}

#[tokio::test]
async fn a_batch_has_one_to_a_hundred_items() {
    let auth = auth().await;
    let app = auth.app().await;
    let many = |count: usize| UpsertUsersRequest {
        users: (0..count).map(|n| named(&format!("u{n}"), "")).collect(),
    };
    for count in [0, 101] {
        assert_eq!(
            reason(auth.client().upsert_users(app.backend(many(count)))).await,
            Reason::InvalidArgument
        );
    }
    let results = upsert_all(&auth, &app, many(100).users).await;
    assert!(results.iter().enumerate().all(|(n, result)| result.id == format!("u{n}") && result.created));
}

#[tokio::test]
async fn twenty_parallel_upserts_of_one_id_make_one_user() {
    let auth = auth().await;
    let app = auth.app().await;
    let results = join_all((0..20).map(|n| auth.upsert(&app, named("same", &format!("Name {n}"))))).await;
    assert_eq!(results.iter().filter(|result| result.created).count(), 1);
    let num = results[0].user.as_ref().unwrap().num;
    assert!(results.iter().all(|result| result.user.as_ref().unwrap().num == num));
    assert_eq!(list(&auth, &app, ListUsersRequest::default()).await, ["same"]);
}

#[tokio::test]
async fn a_change_is_told_once_and_no_change_is_not_told() {
    let auth = auth().await;
    let app = auth.app().await;
    let mut listener = auth.listen().await;
    let user = auth.upsert(&app, named("u", "Anna")).await.user.unwrap();
    auth.upsert(&app, named("u", "Berta")).await;
    auth.clock.advance(Duration::from_secs(1));
    let statements = auth.store.statements();
    let same = auth.upsert(&app, named("u", "Berta")).await.user.unwrap();
    assert_eq!(auth.store.statements() - statements, 1);
    assert_ne!(same.updated_at, Some(auth.now().timestamp()));

    let arrived = listener.arrived().await;
    let told = arrived.iter().filter(|(topic, message)| {
        *topic == Topic::Accounts
            && matches!(message, Message::Event(event)
                if matches!(&event.payload, Some(Payload::UserUpdated(fact)) if fact.user_num == user.num))
    });
    assert_eq!(told.count(), 2);
    let wakes = arrived.iter().filter(|(topic, _)| *topic == Topic::Log("auth"));
    assert_eq!(wakes.count(), 2);
    assert_eq!(auth.log().await.len(), 2);
}

#[tokio::test]
async fn a_user_updates_himself_and_nobody_else() {
    let auth = auth().await;
    let app = auth.app().await;
    let (anna, _) = (auth.user(&app, "anna").await, auth.user(&app, "ben").await);
    let mut client = auth.client();
    let own = UpsertUsersRequest { users: vec![named("anna", "Anna")] };
    let result = client.upsert_users(app.user(anna.num, own.clone())).await.unwrap().into_inner().results;
    assert_eq!(result[0].user.as_ref().unwrap().name, "Anna");
    for users in [
        vec![named("ben", "Mallory")],
        vec![named("new", "Mallory")],
        vec![named("anna", "A"), named("ben", "B")],
        vec![named("anna", "A"), named("anna", "B")],
    ] {
        let refused = client.upsert_users(app.user(anna.num, UpsertUsersRequest { users }));
        assert_eq!(reason(refused).await, Reason::NotAllowed);
    }
    auth.delete(&app, &["anna"]).await;
    let refused = client.upsert_users(app.user(anna.num, own));
    assert_eq!(reason(refused).await, Reason::UserNotFound);
}

#[tokio::test]
async fn users_are_found_by_num_and_by_id_and_unknown_ones_are_left_out() {
    let auth = auth().await;
    let app = auth.app().await;
    let (anna, ben) = (auth.user(&app, "anna").await, auth.user(&app, "ben").await);
    let request = GetUsersRequest {
        nums: vec![ben.num, anna.num, 1, -1, i64::MAX],
        ids: ["ben", "nobody", "", "a\0b"].map(str::to_owned).to_vec(),
    };
    let before = auth.store.statements();
    let users = auth.client().get_users(app.backend(request)).await.unwrap().into_inner().users;
    assert_eq!(auth.store.statements() - before, 1);
    assert_eq!(users, [anna, ben]);
    assert!(auth.get(&app, &[]).await.is_empty());
    let many = GetUsersRequest { nums: vec![1; 1001], ids: vec![] };
    assert_eq!(reason(auth.client().get_users(app.backend(many))).await, Reason::InvalidArgument);
    let full = GetUsersRequest { nums: (1..=500).collect(), ids: (0..500).map(|n| n.to_string()).collect() };
    assert!(auth.client().get_users(app.backend(full)).await.is_ok());
}

#[tokio::test]
async fn users_are_listed_by_name_then_id_in_pages() {
    let auth = auth().await;
    let app = auth.app().await;
    upsert_all(
        &auth,
        &app,
        vec![
            named("3", "ben"),
            named("2", "Anna"),
            named("1", "Ben"),
            named("carl", ""),
            named("4", "Ärzte 100%"),
            named("5", "a_b"),
        ],
    )
    .await;
    auth.execute("UPDATE users SET deactivated_at = 1 WHERE id = '2'").await;
    let page = |name_contains: &str, limit, offset| ListUsersRequest {
        name_contains: name_contains.into(),
        limit,
        offset,
    };
    assert_eq!(list(&auth, &app, page("", 0, 0)).await, ["5", "2", "1", "3", "carl", "4"]);
    assert_eq!(list(&auth, &app, page("", 2, 2)).await, ["1", "3"]);
    assert_eq!(list(&auth, &app, page("", u32::MAX, u32::MAX)).await, [""; 0]);
    assert_eq!(list(&auth, &app, page("BE", 0, 0)).await, ["1", "3"]);
    assert_eq!(list(&auth, &app, page("är", 0, 0)).await, ["4"]);
    assert_eq!(list(&auth, &app, page("ÄR", 0, 0)).await, ["4"]);
    assert_eq!(list(&auth, &app, page("0%", 0, 0)).await, ["4"]);
    assert_eq!(list(&auth, &app, page("_", 0, 0)).await, ["5"]);
    assert_eq!(list(&auth, &app, page("%", 0, 0)).await, ["4"]);
    assert_eq!(list(&auth, &app, page("\\", 0, 0)).await, [""; 0]);
    assert_eq!(list(&auth, &app, page("\0", 0, 0)).await, [""; 0]);
    assert_eq!(
        reason(auth.client().list_users(app.backend(page(&"x".repeat(256), 0, 0)))).await,
        Reason::InvalidArgument
    );
}

#[tokio::test]
async fn a_user_from_outside_does_not_see_the_private_data_of_others() {
    let auth = auth().await;
    let app = auth.app().await;
    let private = |id: &str| UserInput {
        id: id.into(),
        email: Some("a@b".into()),
        custom: Some(r#"{"k":1}"#.into()),
        ..Default::default()
    };
    let anna = auth.upsert(&app, private("anna")).await.user.unwrap();
    auth.upsert(&app, private("ben")).await;
    let ids = || GetUsersRequest { nums: vec![], ids: vec!["anna".into(), "ben".into()] };
    let seen = |users: Vec<User>| -> Vec<(String, String)> {
        users.into_iter().map(|user| (user.email, user.custom)).collect()
    };
    let (hidden, shown) = ((String::new(), String::new()), ("a@b".to_owned(), r#"{"k":1}"#.to_owned()));
    let mut user = auth.outside(Caller::user(app.id, anna.num));
    let users = user.get_users(tonic::Request::new(ids())).await.unwrap().into_inner().users;
    assert_eq!(seen(users), [shown.clone(), hidden.clone()]);
    let users = user.list_users(tonic::Request::new(Default::default())).await.unwrap().into_inner().users;
    assert_eq!(seen(users), [shown.clone(), hidden]);
    let mut backend = auth.outside(Caller::app(app.id));
    let users = backend.get_users(tonic::Request::new(ids())).await.unwrap().into_inner().users;
    assert_eq!(seen(users), [shown.clone(), shown]);
    let public = Caller { actor: parlance_core::Actor::Public, ..Caller::app(app.id) };
    let mut refused = auth.outside(public);
    assert_eq!(reason(refused.get_users(tonic::Request::new(ids()))).await, Reason::NotAllowed);
}
