use parlance_core::{Actor, Caller, Error, Reason};
use parlance_proto::presence::report_connections_request::Change;
use parlance_proto::presence::{
    GetPresenceRequest, RenewGatewayRequest, ReportActivityRequest, ReportConnectionsRequest,
};
use parlance_rpc::Context;

use crate::world::{APP, World, service, user};

#[tokio::test]
async fn a_user_sees_himself_and_his_companions_and_nobody_else() {
    let world = World::new().await;
    world.companions(1, &[2]);
    world.connections("g", &[(1, "a", true), (2, "b", true), (3, "c", true)]).await;
    let asked = GetPresenceRequest { user_nums: vec![1, 2, 3] };
    let seen = |users: &[parlance_proto::presence::UserPresence]| -> Vec<(bool, bool)> {
        users.iter().map(|user| (user.online, user.last_seen.is_some())).collect()
    };
    let users = world.look(user(1, asked.clone())).await;
    assert_eq!(seen(&users), [(true, true), (true, true), (false, false)]);
    for caller in [Caller::service(APP), Caller::app(APP)] {
        let users = world.look(Context::new(caller).request(asked.clone())).await;
        assert_eq!(seen(&users), [(true, true), (true, true), (true, true)]);
    }
}

#[tokio::test]
async fn a_public_key_sees_nobody_and_does_nothing() {
    let world = World::new().await;
    let public = || Context::new(Caller { app: APP, actor: Actor::Public, trusted: true });
    let mut client = world.client.clone();
    let refused = client.get_presence(public().request(GetPresenceRequest::default())).await.unwrap_err();
    assert_eq!(Error::from(refused).reason, Reason::NotAllowed);
    let refused =
        client.report_activity(public().request(ReportActivityRequest::default())).await.unwrap_err();
    assert_eq!(Error::from(refused).reason, Reason::UserRequired);
}

#[tokio::test]
async fn malformed_requests_are_refused_with_the_field_at_fault() {
    let world = World::new().await;
    let mut client = world.client.clone();
    let field = |status: tonic::Status| {
        let error = Error::from(status);
        assert_eq!(error.reason, Reason::InvalidArgument);
        error.field.unwrap()
    };
    let many = GetPresenceRequest { user_nums: vec![1; 1001] };
    assert_eq!(field(client.get_presence(service(many)).await.unwrap_err()), "user_nums");
    let nameless = RenewGatewayRequest::default();
    assert_eq!(field(client.renew_gateway(service(nameless)).await.unwrap_err()), "gateway_id");
    let right = Change { app_id: APP.to_string(), user_num: 1, connection_id: "c".into(), opened: true };
    for (change, at_fault) in [
        (Change { app_id: "x".into(), ..right.clone() }, "app_id"),
        (Change { user_num: 0, ..right.clone() }, "user_num"),
        (Change { connection_id: String::new(), ..right.clone() }, "connection_id"),
    ] {
        let report =
            ReportConnectionsRequest { gateway_id: "g".into(), changes: vec![right.clone(), change] };
        assert_eq!(field(client.report_connections(service(report)).await.unwrap_err()), at_fault);
    }
    assert!(!world.is_online(1).await, "a report with a malformed entry changes nothing");
}
