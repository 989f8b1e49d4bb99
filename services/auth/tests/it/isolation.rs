use parlance_core::{Micros, Reason};
use parlance_proto::auth::record_activity_request::Activity;
use parlance_proto::auth::*;
use serde_json::json;

use crate::fixture::{START, auth, reason, service_of};

#[tokio::test]
async fn an_app_neither_sees_nor_changes_the_users_of_another() {
    let auth = auth().await;
    let (app, other) = (auth.app().await, auth.app().await);
    let user = auth.user(&app, "anna").await;
    let mut client = auth.client();

    assert!(auth.get(&other, &["anna"]).await.is_empty());
    assert_eq!(auth.get_by_num(&other, user.num).await, None);
    let listed = client.list_users(other.backend(ListUsersRequest::default())).await.unwrap().into_inner();
    assert!(listed.users.is_empty());
    let handles = FindUsersByHandleRequest { handles: vec!["anna".into()] };
    let found = client.find_users_by_handle(other.backend(handles)).await.unwrap().into_inner();
    assert!(found.matches.is_empty());
    let issue = IssueTokensRequest { user_num: user.num, ttl_s: 60 };
    assert_eq!(reason(client.issue_tokens(other.backend(issue))).await, Reason::UserNotFound);
    let subscribe = IssueSubscriptionTokenRequest { channel: "chat:a".into(), ttl_s: 60 };
    let refused = client.issue_subscription_token(other.user(user.num, subscribe));
    assert_eq!(reason(refused).await, Reason::UserNotFound);
    let rename = UserInput { id: "anna".into(), name: Some("Mallory".into()), ..Default::default() };
    let update = UpsertUsersRequest { users: vec![rename.clone()] };
    assert_eq!(reason(client.upsert_users(other.user(user.num, update))).await, Reason::UserNotFound);
    let activities = vec![Activity { user_num: user.num, at: Some(Micros(START.0 - 1).timestamp()) }];
    client.record_activity(service_of(&other, RecordActivityRequest { activities })).await.unwrap();

    assert!(auth.delete(&other, &["anna"]).await.deleted_ids.is_empty());
    // The same id in another app is another user.
    let namesake = auth.upsert(&other, rename).await;
    assert!(namesake.created);
    auth.delete(&other, &["anna"]).await;
    assert_eq!(auth.get(&app, &["anna"]).await, [user]);
}

#[tokio::test]
async fn a_token_of_one_app_opens_nothing_in_another() {
    let auth = auth().await;
    let (app, other) = (auth.app().await, auth.app().await);
    let user = auth.user(&app, "anna").await;
    auth.user(&other, "anna").await;
    let exp = START.secs() + 60;
    let claims_other = app.mint(json!({"user_id": "anna", "app_id": other.id, "exp": exp}));
    assert_eq!(auth.verify(TokenKind::Access, &claims_other).await, Err(Reason::TokenInvalid));
    // A session of one app means nothing in a token of the other.
    let sid =
        auth.verify(TokenKind::Access, &auth.issue(&app, &user).await.access_token).await.unwrap().session_id;
    let borrowed = other.mint(json!({"user_id": "anna", "app_id": other.id, "exp": exp, "sid": sid}));
    assert_eq!(auth.verify(TokenKind::Access, &borrowed).await, Err(Reason::TokenRevoked));
}
