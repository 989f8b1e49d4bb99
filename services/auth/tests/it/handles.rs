use parlance_core::Reason;
use parlance_proto::auth::*;

use crate::fixture::{App, Auth, auth, reason};

async fn find(auth: &Auth, app: &App, handles: &[&str]) -> Vec<(String, i64)> {
    let handles = handles.iter().map(|&handle| handle.to_owned()).collect();
    let request = FindUsersByHandleRequest { handles };
    let found = auth.client().find_users_by_handle(app.backend(request)).await.unwrap().into_inner();
    let mut matches: Vec<_> = found.matches.into_iter().map(|found| (found.handle, found.user_num)).collect();
    matches.sort();
    matches
}

async fn named(auth: &Auth, app: &App, id: &str, name: &str) -> i64 {
    let item = UserInput { id: id.into(), name: Some(name.into()), ..Default::default() };
    auth.upsert(app, item).await.user.unwrap().num
}

#[tokio::test]
async fn a_handle_is_an_id_a_name_or_a_name_without_spaces() {
    let auth = auth().await;
    let app = auth.app().await;
    let anna = named(&auth, &app, "User-1", "Anna Lena").await;
    let ben = named(&auth, &app, "annalena", "Ben").await;
    let carl = named(&auth, &app, "Carl", "").await;
    named(&auth, &app, "gone", "Gone").await;
    auth.delete(&app, &["gone"]).await;

    let handles = ["user-1", "anna lena", "annalena", "ben", "BEN", "carl", "gone", "nobody", "", "a\0"];
    let expected = [
        ("BEN", ben),
        ("anna lena", anna),
        ("annalena", anna),
        ("annalena", ben),
        ("ben", ben),
        ("carl", carl),
        ("user-1", anna),
    ];
    let found = find(&auth, &app, &handles).await;
    assert_eq!(found, expected.map(|(handle, num)| (handle.to_owned(), num)));
    assert!(find(&auth, &app, &[]).await.is_empty());
}

#[tokio::test]
async fn a_renamed_user_is_found_by_the_new_name_only() {
    let auth = auth().await;
    let app = auth.app().await;
    let num = named(&auth, &app, "u", "Old").await;
    named(&auth, &app, "u", "New").await;
    assert_eq!(find(&auth, &app, &["old", "new"]).await, [("new".to_owned(), num)]);
}

#[tokio::test]
async fn at_most_a_hundred_handles_are_looked_up() {
    let auth = auth().await;
    let app = auth.app().await;
    let request = FindUsersByHandleRequest { handles: vec!["x".into(); 101] };
    assert_eq!(
        reason(auth.client().find_users_by_handle(app.backend(request))).await,
        Reason::InvalidArgument
    );
}
