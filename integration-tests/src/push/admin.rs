use parlance_proto::notification::notification_service_client::NotificationServiceClient;
use parlance_proto::notification::*;
use serde_json::Value;
use tonic::Request;
use tonic::transport::Channel;

use crate::Harness;
use crate::harness::DEV_KEY;

/// The backend of the development app, over gRPC.
#[derive(Clone)]
pub struct Admin(NotificationServiceClient<Channel>);

impl Admin {
    pub async fn of(harness: &Harness) -> Self {
        let own = harness.of_role("notification");
        let address = own.first().map_or(&harness.addresses().grpc, |node| &node.addresses().grpc);
        let client = NotificationServiceClient::connect(format!("http://{address}")).await;
        Self(client.expect("the notification service answers"))
    }

    /// Sets up a push service of the app.
    pub async fn set_provider(&self, kind: ProviderKind, settings: &Value, secrets: &Value) {
        let secrets = secrets.as_object().filter(|map| !map.is_empty()).map(|_| secrets.to_string());
        let request = SetProviderRequest {
            kind: kind.into(),
            settings: settings.to_string(),
            secrets: secrets.unwrap_or_default(),
            enabled: true,
        };
        self.0.clone().set_provider(with_key(request)).await.expect("the provider is set");
    }

    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let request = with_key(ListDeadLettersRequest::default());
        self.0.clone().list_dead_letters(request).await.expect("dead letters").into_inner().letters
    }

    /// Queues all dead letters again; how many.
    pub async fn replay(&self) -> u32 {
        let request = with_key(ReplayDeadLettersRequest::default());
        self.0.clone().replay_dead_letters(request).await.expect("a replay").into_inner().replayed
    }

    pub async fn queue(&self) -> GetQueueResponse {
        self.0.clone().get_queue(with_key(GetQueueRequest {})).await.expect("the queue").into_inner()
    }
}

fn with_key<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-api-key", DEV_KEY.parse().expect("ASCII"));
    request
}
