use std::time::Duration;

use parlance_bus::{Message, Topic};
use parlance_core::Reason;
use parlance_proto::auth::*;
use parlance_proto::event::event::Payload;

use crate::fixture::{Embedded, auth};

async fn signed_in(auth: &Embedded) -> (User, IssueTokensResponse) {
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    (user, tokens)
}

#[tokio::test]
async fn a_refresh_token_rotates_and_the_new_tokens_count() {
    let auth = auth().await;
    let (user, mut tokens) = signed_in(&auth).await;
    for _ in 0..3 {
        let next = auth.refresh(&tokens.refresh_token).await.unwrap();
        assert_ne!(next.refresh_token, tokens.refresh_token);
        assert_eq!(next.user.as_ref().unwrap().num, user.num);
        for (kind, token) in
            [(TokenKind::Access, &next.access_token), (TokenKind::Connection, &next.connection_token)]
        {
            assert_eq!(auth.verify(kind, token).await.unwrap().user_num, user.num);
        }
        tokens = next;
    }
}

#[tokio::test]
async fn five_tabs_refresh_at_once_and_all_go_on() {
    let auth = auth().await;
    let (_, tokens) = signed_in(&auth).await;
    let refreshed = tokio::join!(
        auth.refresh(&tokens.refresh_token),
        auth.refresh(&tokens.refresh_token),
        auth.refresh(&tokens.refresh_token),
        auth.refresh(&tokens.refresh_token),
        auth.refresh(&tokens.refresh_token),
    );
    let refreshed = [refreshed.0, refreshed.1, refreshed.2, refreshed.3, refreshed.4].map(Result::unwrap);
    for tab in &refreshed {
        assert_eq!(tab.refresh_token, refreshed[0].refresh_token);
        assert!(auth.verify(TokenKind::Access, &tab.access_token).await.is_ok());
    }
    // Whichever tab comes next, long after the grace period.
    auth.clock.advance(Duration::from_secs(900));
    let next = auth.refresh(&refreshed[3].refresh_token).await.unwrap();
    // A slow tab that still holds the token before that is not a thief either.
    let slow = auth.refresh(&refreshed[4].refresh_token).await.unwrap();
    assert_eq!(slow.refresh_token, next.refresh_token);
}

#[tokio::test]
async fn a_straggler_two_rotations_behind_is_forgiven_within_the_grace_period() {
    let auth = auth().await;
    let (_, first) = signed_in(&auth).await;
    let second = auth.refresh(&first.refresh_token).await.unwrap();
    auth.clock.advance(Duration::from_secs(20));
    let third = auth.refresh(&second.refresh_token).await.unwrap();
    auth.clock.advance(Duration::from_secs(10));
    assert_eq!(auth.refresh(&first.refresh_token).await.unwrap().refresh_token, third.refresh_token);
    auth.clock.advance(Duration::from_secs(1));
    assert_eq!(auth.refresh(&first.refresh_token).await, Err(Reason::TokenRevoked));
}

#[tokio::test]
async fn a_replay_an_hour_later_revokes_the_session_and_says_so() {
    let auth = auth().await;
    let (user, first) = signed_in(&auth).await;
    let second = auth.refresh(&first.refresh_token).await.unwrap();
    auth.clock.advance(Duration::from_secs(3600));
    let third = auth.refresh(&second.refresh_token).await.unwrap();
    let mut listener = auth.listen().await;

    assert_eq!(auth.refresh(&first.refresh_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.refresh(&third.refresh_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.verify(TokenKind::Access, &third.access_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.verify(TokenKind::Connection, &third.connection_token).await, Err(Reason::TokenRevoked));

    let live = listener.next_event().await;
    let Some(Payload::SessionRevoked(revoked)) = &live.payload else { panic!("{live:?}") };
    assert_eq!(revoked.user_num, user.num);
    assert!(matches!(listener.next().await, (Topic::Log("auth"), Message::Wake)));
    let log = auth.log().await;
    assert_eq!(log.iter().filter(|fact| matches!(fact.payload, Some(Payload::SessionRevoked(_)))).count(), 1);
    assert_eq!(log.last(), Some(&*live));
}

#[tokio::test]
async fn a_refresh_token_expires_a_day_after_its_last_rotation() {
    let auth = auth().await;
    let (_, tokens) = signed_in(&auth).await;
    auth.clock.advance(Duration::from_secs(24 * 3600 - 1));
    let next = auth.refresh(&tokens.refresh_token).await.unwrap();
    auth.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(auth.refresh(&next.refresh_token).await, Err(Reason::TokenExpired));
}

#[tokio::test]
async fn texts_that_never_were_refresh_tokens_are_invalid_and_revoke_nothing() {
    let auth = auth().await;
    let (_, tokens) = signed_in(&auth).await;
    let (session, secret) = tokens.refresh_token.split_once('.').unwrap();
    let unknown_session = uuid::Uuid::new_v4().simple().to_string();
    for text in [
        String::new(),
        "x".into(),
        tokens.access_token.clone(),
        session.into(),
        format!("{session}."),
        format!("{session}.{}", &secret[1..]),
        format!("{session}.{}", "A".repeat(43)),
        format!("{unknown_session}.{secret}"),
        format!("{}\0", tokens.refresh_token),
        "x".repeat(100_000),
    ] {
        assert_eq!(auth.refresh(&text).await, Err(Reason::TokenInvalid));
    }
    assert!(auth.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_refresh_after_a_restart_finds_its_session() {
    let auth = auth().await;
    let (_, tokens) = signed_in(&auth).await;
    let rotated = auth.refresh(&tokens.refresh_token).await.unwrap();
    let restarted = crate::fixture::Auth::with_clock(&auth.store, auth.clock.clone()).await;
    assert_eq!(restarted.refresh(&tokens.refresh_token).await.unwrap().refresh_token, rotated.refresh_token);
    assert!(restarted.refresh(&rotated.refresh_token).await.is_ok());
}
