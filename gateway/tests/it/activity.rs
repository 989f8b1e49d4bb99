use std::sync::{Arc, Mutex};
use std::time::Duration;

use parlance_core::{Error, Reason};
use parlance_proto::presence::{
    ReportActivityRequest, ReportActivityResponse, SetStatusRequest, SetStatusResponse,
};

use crate::fake::{Front, Services};

/// What presence was told, in order: `None` = activity, else the declared status.
type Told = Arc<Mutex<Vec<Option<bool>>>>;

async fn front(told: &Told) -> Front {
    let (active, declared) = (told.clone(), told.clone());
    let services = Services::with_credentials()
        .on("ReportActivity", move |_: ReportActivityRequest| {
            active.lock().unwrap().push(None);
            Ok(ReportActivityResponse {})
        })
        .on("SetStatus", move |asked: SetStatusRequest| {
            declared.lock().unwrap().push(Some(asked.online));
            Ok(SetStatusResponse {})
        });
    Front::new(services).await
}

/// Lets what runs beside the requests run.
async fn settle(told: &Told, count: usize) -> Vec<Option<bool>> {
    let reached = async {
        while told.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reached).await.expect("presence is told");
    told.lock().unwrap().clone()
}

#[tokio::test]
async fn a_user_s_calls_are_told_to_presence_once_a_minute() {
    let told = Told::default();
    let front = front(&told).await;
    for _ in 0..5 {
        assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 200);
    }
    front.send("GET", "/api/users", &[("x-api-key", "secret")], "").await;
    assert_eq!(settle(&told, 1).await, [None]);
}

#[tokio::test]
async fn saying_that_one_is_offline_is_not_undone_by_the_same_or_the_next_calls() {
    let told = Told::default();
    let front = front(&told).await;
    for (path, body) in [("/api/presence/offline", ""), ("/api/presence", r#"{"online":false}"#)] {
        assert_eq!(front.as_ann("POST", path, body).await.status, 200);
    }
    assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 200);
    assert_eq!(settle(&told, 2).await, [Some(false), Some(false)]);
}

#[tokio::test]
async fn calls_succeed_while_presence_is_away() {
    let services = Services::with_credentials().on(
        "ReportActivity",
        |_: ReportActivityRequest| -> Result<ReportActivityResponse, Error> {
            Err(Error::new(Reason::Unavailable, "away"))
        },
    );
    let front = Front::new(services).await;
    assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 200);
}
