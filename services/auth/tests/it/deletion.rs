use parlance_core::Reason;
use parlance_proto::auth::*;
use parlance_proto::event::event::Payload;

use crate::fixture::{START, auth, reason};

#[tokio::test]
async fn a_deletion_erases_personal_data_ends_sessions_and_states_the_fact() {
    let auth = auth().await;
    let app = auth.app().await;
    let full = UserInput {
        id: "anna".into(),
        name: Some("Anna Secretname".into()),
        email: Some("anna@example.com".into()),
        image: Some("https://example.com/a.png".into()),
        custom: Some(r#"{"k":"v"}"#.into()),
    };
    let user = auth.upsert(&app, full).await.user.unwrap();
    let tokens = auth.issue(&app, &user).await;
    let mut listener = auth.listen().await;

    let deleted = auth.delete(&app, &["nobody", "anna", "anna", "a\0b"]).await;
    assert_eq!(deleted.deleted_ids, ["anna"]);
    let left = auth.get_by_num(&app, user.num).await.unwrap();
    assert_eq!(
        left,
        User {
            num: user.num,
            app_id: user.app_id,
            kind: user.kind,
            created_at: user.created_at,
            updated_at: Some(START.timestamp()),
            deleted_at: Some(START.timestamp()),
            ..Default::default()
        }
    );
    assert!(auth.get(&app, &["anna"]).await.is_empty());
    for (kind, token) in
        [(TokenKind::Access, &tokens.access_token), (TokenKind::Connection, &tokens.connection_token)]
    {
        assert_eq!(auth.verify(kind, token).await, Err(Reason::TokenRevoked));
    }
    assert_eq!(auth.refresh(&tokens.refresh_token).await, Err(Reason::TokenRevoked));
    let request = IssueTokensRequest { user_num: user.num, ttl_s: 60 };
    assert_eq!(reason(auth.client().issue_tokens(app.backend(request))).await, Reason::UserNotFound);

    let live = listener.next_event().await;
    assert!(matches!(&live.payload, Some(Payload::UserDeleted(fact)) if fact.user_num == user.num));
    let log = auth.client().read_log(crate::fixture::service(Default::default())).await.unwrap().into_inner();
    assert_eq!(log.top_position, deleted.log_position);
    assert_eq!(log.entries.last().unwrap().event.as_ref(), Some(&*live));
}

#[tokio::test]
async fn the_id_of_a_deleted_user_is_free_for_a_new_one() {
    let auth = auth().await;
    let app = auth.app().await;
    let old = auth.user(&app, "anna").await;
    let old_tokens = auth.issue(&app, &old).await;
    for _ in 0..2 {
        auth.delete(&app, &["anna"]).await;
        let new = auth.upsert(&app, UserInput { id: "anna".into(), ..Default::default() }).await;
        assert!(new.created);
        assert_ne!(new.user.unwrap().num, old.num);
    }
    // The old user's tokens do not open the new account.
    assert_eq!(auth.verify(TokenKind::Access, &old_tokens.access_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.refresh(&old_tokens.refresh_token).await, Err(Reason::TokenRevoked));
}

#[tokio::test]
async fn users_are_deleted_by_the_backend_only_and_a_hundred_at_most() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "anna").await;
    let request = |ids: Vec<String>| DeleteUsersRequest { ids };
    let mut client = auth.client();
    let own = client.delete_users(app.user(user.num, request(vec!["anna".into()])));
    assert_eq!(reason(own).await, Reason::NotAllowed);
    for ids in [vec![], vec!["x".to_owned(); 101]] {
        assert_eq!(reason(client.delete_users(app.backend(request(ids)))).await, Reason::InvalidArgument);
    }
    assert_eq!(auth.delete(&app, &["nobody"]).await, DeleteUsersResponse::default());
    assert_eq!(auth.get(&app, &["anna"]).await.len(), 1);
}
