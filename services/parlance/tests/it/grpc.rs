use parlance_proto::auth::auth_service_client::AuthServiceClient;
use parlance_proto::auth::{
    IssueTokensRequest, ListAppsRequest, ListUsersRequest, UpsertUsersRequest, UserInput,
};
use parlance_proto::presence::ReportActivityRequest;
use parlance_proto::presence::presence_service_client::PresenceServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::server::{Place, Server};

async fn connect(server: &Server) -> Channel {
    let address = format!("http://{}", server.address("grpc"));
    Channel::from_shared(address).unwrap().connect().await.unwrap()
}

fn with<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

fn key<T>(message: T) -> Request<T> {
    with(message, &[("x-api-key", "dev-api-key")])
}

#[tokio::test]
async fn reflection_lists_every_service_without_credentials() {
    let place = Place::new();
    let server = place.serve();
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(connect(&server).await);
    let answers = client.server_reflection_info(tokio_stream::once(question)).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
        panic!("{answer:?}")
    };
    let names: Vec<String> = services.service.into_iter().map(|service| service.name).collect();
    for name in [
        "parlance.auth.v1.AuthService",
        "parlance.channel.v1.ChannelService",
        "parlance.presence.v1.PresenceService",
        "parlance.message.v1.MessageService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn health_says_serving_without_credentials() {
    let place = Place::new();
    let server = place.serve();
    let mut client = HealthClient::new(connect(&server).await);
    for service in ["", "parlance.auth.v1.AuthService", "parlance.message.v1.MessageService"] {
        let question = HealthCheckRequest { service: service.to_owned() };
        let answer = client.check(question).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}

#[tokio::test]
async fn who_brings_no_credentials_or_wrong_ones_is_unauthenticated() {
    let place = Place::new();
    let server = place.serve();
    let mut client = AuthServiceClient::new(connect(&server).await);
    for metadata in [
        &[][..],
        &[("x-api-key", "wrong")],
        &[("authorization", "Bearer wrong")],
        &[("x-api-key", "dev-api-key"), ("authorization", "Bearer wrong")],
        // Caller metadata of our own services counts only beside the service secret.
        &[("parlance-app", parlance::apps::DEV_APP), ("parlance-actor", "service")],
    ] {
        let refused = client.list_users(with(ListUsersRequest::default(), metadata)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{metadata:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_secret_key_is_the_backend_and_may_act_for_a_user_who_may_also_bring_a_token() {
    let place = Place::new();
    let server = place.serve();
    let channel = connect(&server).await;
    let mut auth = AuthServiceClient::new(channel.clone());
    let alice = UserInput { id: "alice".into(), name: Some("Alice".into()), ..UserInput::default() };
    let made = auth.upsert_users(key(UpsertUsersRequest { users: vec![alice] })).await.unwrap().into_inner();
    let num = made.results[0].user.as_ref().unwrap().num;
    let users = auth.list_users(key(ListUsersRequest::default())).await.unwrap().into_inner().users;
    assert_eq!(users[0].name, "Alice");

    // The backend is no service of ours, and nobody in particular.
    let refused = auth.list_apps(key(ListAppsRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut presence = PresenceServiceClient::new(channel);
    let refused = presence.report_activity(key(ReportActivityRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let as_user = |id| [("x-api-key", "dev-api-key"), ("parlance-user-id", id)];
    presence.report_activity(with(ReportActivityRequest::default(), &as_user("alice"))).await.unwrap();
    let refused =
        presence.report_activity(with(ReportActivityRequest::default(), &as_user("bob"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    let issue = IssueTokensRequest { user_num: num, ttl_s: 60 };
    let token = auth.issue_tokens(key(issue)).await.unwrap().into_inner().access_token;
    let bearer = format!("Bearer {token}");
    presence
        .report_activity(with(ReportActivityRequest::default(), &[("authorization", &bearer)]))
        .await
        .unwrap();
}

#[tokio::test]
async fn caller_metadata_is_believed_beside_the_service_secret() {
    let place = Place::new().with("PARLANCE__GRPC__SECRET", "only-for-this-test");
    let server = place.serve();
    let mut client = AuthServiceClient::new(connect(&server).await);
    let call = |secret| {
        let metadata = [
            ("parlance-service-secret", secret),
            ("parlance-app", parlance::apps::DEV_APP),
            ("parlance-actor", "service"),
        ];
        with(ListAppsRequest {}, &metadata)
    };
    assert_eq!(client.list_apps(call("only-for-this-test")).await.unwrap().into_inner().apps.len(), 1);
    let refused = client.list_apps(call("only-for-that-test")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}
