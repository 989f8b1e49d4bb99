use parlance_core::Error;
use parlance_proto::auth::upsert_users_response::Result as Upserted;
use parlance_proto::auth::{
    DeleteUsersRequest, DeleteUsersResponse, UpsertUsersRequest, UpsertUsersResponse,
};
use serde_json::json;

use crate::fake::{Front, Services};

const SECRET: &[(&str, &str)] = &[("x-api-key", "secret")];

fn services_that_refuse(field: &'static str) -> Services {
    Services::with_credentials().on("UpsertUsers", move |asked: UpsertUsersRequest| {
        let error = Error::invalid(field, "is wrong");
        let refused = Upserted {
            id: asked.users[0].id.clone(),
            error_reason: error.reason.to_string(),
            error_message: error.message,
            error_field: field.to_owned(),
            ..Default::default()
        };
        Ok(UpsertUsersResponse { results: vec![refused] })
    })
}

#[tokio::test]
async fn a_refused_profile_names_the_field_as_the_request_calls_it() {
    for (field, method, path, body, named) in [
        ("name", "POST", "/tokens", r#"{"userId":"u"}"#, "name"),
        ("id", "POST", "/tokens", r#"{"userId":"u"}"#, "userId"),
        ("id", "POST", "/api/auth/connect", r#"{"userId":"u"}"#, "userId"),
        ("name", "POST", "/api/auth/connect", r#"{"userId":"u"}"#, "displayName"),
        ("image", "POST", "/api/auth/connect", r#"{"userId":"u"}"#, "avatar"),
        ("custom", "POST", "/api/auth/connect", r#"{"userId":"u"}"#, "metadata"),
        ("email", "PUT", "/api/users/u", "{}", "email"),
    ] {
        let front = Front::new(services_that_refuse(field)).await;
        let answer = front.send(method, path, SECRET, body).await;
        assert_eq!(answer.refusal(), (400, "VALIDATION_ERROR".to_owned()), "{method} {path}");
        let details = &answer.json()["error"]["details"];
        assert_eq!(details[0]["path"], named, "{method} {path} {field}: {details}");
    }
    let front = Front::new(services_that_refuse("image")).await;
    let answer = front.as_ann("PATCH", "/api/users/me", "{}").await;
    assert_eq!(answer.json()["error"]["details"], json!([{"path": "image", "message": "image is wrong"}]));
}

#[tokio::test]
async fn a_deletion_is_answered_though_other_services_do_not_follow() {
    let services = Services::with_credentials().on("DeleteUsers", |asked: DeleteUsersRequest| {
        Ok(DeleteUsersResponse { deleted_ids: asked.ids, log_position: 7 })
    });
    let front = Front::new(services).await;
    let answer = front.send("DELETE", "/api/users/ann", SECRET, "").await;
    assert_eq!((answer.status, answer.json()["deletedUserId"].as_str()), (200, Some("ann")));
}
