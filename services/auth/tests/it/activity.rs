use parlance_core::{Micros, Num, Reason};
use parlance_proto::auth::record_activity_request::Activity;
use parlance_proto::auth::*;

use crate::fixture::{App, Auth, START, auth, reason, service_of};

fn at(seconds_ago: i64) -> Micros {
    Micros(START.0 - seconds_ago * 1_000_000)
}

async fn record(auth: &Auth, app: &App, activities: &[(Num, Micros)]) {
    let activities =
        activities.iter().map(|&(user_num, at)| Activity { user_num, at: Some(at.timestamp()) }).collect();
    auth.client().record_activity(service_of(app, RecordActivityRequest { activities })).await.unwrap();
}

async fn last_active(auth: &Auth, app: &App, num: Num) -> Option<Micros> {
    let user = auth.get_by_num(app, num).await.unwrap();
    user.last_active_at.as_ref().and_then(Micros::from_timestamp)
}

#[tokio::test]
async fn activity_only_rises_by_a_minute_or_more_and_never_into_the_future() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await.num;
    assert_eq!(last_active(&auth, &app, user).await, None);
    for (recorded, expected) in
        [(at(600), at(600)), (at(700), at(600)), (at(541), at(600)), (at(540), at(540)), (at(-9999), at(0))]
    {
        record(&auth, &app, &[(user, recorded)]).await;
        assert_eq!(last_active(&auth, &app, user).await, Some(expected));
    }
}

#[tokio::test]
async fn a_batch_is_one_statement_and_keeps_the_newest_of_each_user() {
    let auth = auth().await;
    let app = auth.app().await;
    let (anna, ben) = (auth.user(&app, "anna").await.num, auth.user(&app, "ben").await.num);
    let before = auth.store.statements();
    record(&auth, &app, &[(anna, at(300)), (ben, at(200)), (anna, at(100)), (1, at(1)), (anna, at(400))])
        .await;
    assert_eq!(auth.store.statements() - before, 1);
    assert_eq!(last_active(&auth, &app, anna).await, Some(at(100)));
    assert_eq!(last_active(&auth, &app, ben).await, Some(at(200)));
    record(&auth, &app, &(2..=1001).map(|num| (num, at(5))).collect::<Vec<_>>()).await;
    record(&auth, &app, &[]).await;
}

#[tokio::test]
async fn activity_without_a_time_is_refused() {
    let auth = auth().await;
    let app = auth.app().await;
    for at in [None, Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })] {
        let request = RecordActivityRequest { activities: vec![Activity { user_num: 1, at }] };
        assert_eq!(
            reason(auth.client().record_activity(service_of(&app, request))).await,
            Reason::InvalidArgument
        );
    }
}
