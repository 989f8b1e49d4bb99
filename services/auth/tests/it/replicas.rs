//! Replicas on one PostgreSQL, each with a bus of its own.

use futures_util::future::join_all;
use parlance_core::Reason;
use parlance_proto::auth::*;
use parlance_testkit::postgres_store;

use crate::fixture::Auth;

/// Three that share tables, key and clock.
async fn three(store: &parlance_sql::Store) -> [Auth; 3] {
    let first = Auth::on(store).await;
    let clock = first.clock.clone();
    [first, Auth::with_clock(store, clock.clone()).await, Auth::with_clock(store, clock).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_refresh_through_several_replicas_get_one_token() {
    let Some(store) = postgres_store(parlance_auth::migrate).await else { return };
    let replicas = three(&store).await;
    let app = replicas[0].app().await;
    let user = replicas[1].user(&app, "alice").await;
    let mut token = replicas[2].issue(&app, &user).await.refresh_token;
    let first = token.clone();
    for _ in 0..5 {
        let tabs = replicas.iter().cycle().take(9).map(|replica| replica.refresh(&token));
        let newest: Vec<String> =
            join_all(tabs).await.into_iter().map(|tab| tab.unwrap().refresh_token).collect();
        assert!(newest.iter().all(|one| *one == newest[0] && *one != token));
        token = newest[0].clone();
        replicas[0].clock.advance(std::time::Duration::from_secs(20));
    }
    // A replay through one ends the session for all.
    assert_eq!(replicas[1].refresh(&first).await, Err(Reason::TokenRevoked));
    for replica in &replicas {
        assert_eq!(replica.refresh(&token).await, Err(Reason::TokenRevoked));
    }
    store.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_ends_counts_no_more_with_the_others() {
    let Some(store) = postgres_store(parlance_auth::migrate).await else { return };
    let replicas = three(&store).await;
    let app = replicas[0].app().await;
    let made = join_all(replicas.iter().cycle().take(12).map(|replica| replica.user(&app, "alice"))).await;
    assert!(made.iter().all(|user| user.num == made[0].num), "one id is one user");
    let tokens = replicas[1].issue(&app, &made[0]).await;
    for replica in &replicas {
        replica.verify(TokenKind::Access, &tokens.access_token).await.unwrap();
    }
    replicas[2].delete(&app, &["alice"]).await;
    for replica in &replicas {
        assert_eq!(replica.verify(TokenKind::Access, &tokens.access_token).await, Err(Reason::TokenRevoked));
        assert_eq!(replica.refresh(&tokens.refresh_token).await, Err(Reason::TokenRevoked));
        assert!(replica.get(&app, &["alice"]).await.is_empty());
    }
    store.remove().await;
}
