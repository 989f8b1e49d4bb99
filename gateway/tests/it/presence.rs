use parlance_core::Error;
use parlance_proto::channel::{ListCompanionsRequest, ListCompanionsResponse, ListMembersRequest};
use parlance_proto::channel::{ListMembersResponse, Member};
use parlance_proto::presence::{GetPresenceRequest, GetPresenceResponse};

use crate::fake::{ANN, Front, Services, channel_id};

#[tokio::test]
async fn while_presence_is_away_its_endpoints_refuse_and_others_do_without_it() {
    let services = Services::with_credentials()
        .on("GetPresence", |_: GetPresenceRequest| -> Result<GetPresenceResponse, Error> {
            Err(Error::unavailable("Redis is away"))
        })
        .on("ListMembers", |_: ListMembersRequest| {
            let members = vec![Member { user_num: ANN, ..Member::default() }];
            Ok(ListMembersResponse { members, member_count: 1 })
        })
        .on("ListCompanions", |_: ListCompanionsRequest| Ok(ListCompanionsResponse::default()));
    let front = Front::new(services).await;
    let channel = format!("/api/channels/{}", channel_id());
    for (method, path, body) in [
        ("POST", "/api/presence/online".to_owned(), ""),
        ("POST", "/api/presence/offline".to_owned(), ""),
        ("POST", "/api/presence".to_owned(), r#"{"online":true}"#),
        ("POST", "/api/presence/heartbeat".to_owned(), ""),
        ("POST", "/api/presence/query".to_owned(), r#"{"userIds":["ann"]}"#),
        ("GET", format!("{channel}/presence"), ""),
        ("POST", format!("{channel}/typing"), r#"{"typing":true}"#),
    ] {
        let answer = front.as_ann(method, &path, body).await;
        assert_eq!(answer.refusal(), (503, "SERVICE_UNAVAILABLE".into()), "{method} {path}");
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
    }
    assert_eq!(front.as_ann("GET", "/api/users/me", "").await.status, 200);
}
