//! Who may call a role: callers with the service secret, or with credentials that a client has.

use parlance_proto::channel::channel_service_client::ChannelServiceClient;
use parlance_proto::channel::{GetChannelsRequest, TouchRequest};

use super::is_wanted;
use crate::prelude::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_metadata_without_the_secret_is_refused_by_every_role() {
    if !is_wanted() {
        return;
    }
    let server = Harness::start().await;
    for secret in [None, Some("not-the-service-secret")] {
        let address = format!("http://{}", server.of_role("channel")[0].addresses().grpc);
        let mut client = ChannelServiceClient::connect(address).await.unwrap();
        let forge = |actor: &str| {
            let mut request = tonic::Request::new(TouchRequest::default());
            request.metadata_mut().insert("parlance-app", DEV_APP.parse().unwrap());
            request.metadata_mut().insert("parlance-actor", actor.parse().unwrap());
            if let Some(secret) = secret {
                request.metadata_mut().insert("parlance-service-secret", secret.parse().unwrap());
            }
            request
        };
        for actor in ["service", "app", "user:1"] {
            let refusal = client.touch(forge(actor)).await.unwrap_err();
            assert_eq!(refusal.code(), tonic::Code::Unauthenticated, "{actor}: {refusal:?}");
        }
        // A client's own credentials are another matter.
        let mut request = tonic::Request::new(GetChannelsRequest::default());
        request.metadata_mut().insert("x-api-key", DEV_KEY.parse().unwrap());
        let answer = client.get_channels(request).await;
        assert!(
            !matches!(&answer, Err(status) if status.code() == tonic::Code::Unauthenticated),
            "{answer:?}"
        );
    }
}
