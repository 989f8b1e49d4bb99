use parlance_proto::notification::notification_service_client::NotificationServiceClient;
use parlance_proto::notification::*;
use serde_json::Value;
use tonic::Request;
use tonic::transport::Channel;

use crate::Harness;
use crate::harness::{DEV_KEY, binary};

/// The backend of the development app, over gRPC.
#[derive(Clone)]
pub struct Admin {
    calls: NotificationServiceClient<Channel>,
    server: String,
}

impl Admin {
    pub async fn of(harness: &Harness) -> Self {
        let own = harness.of_role("notification");
        let address = own.first().map_or(&harness.addresses().grpc, |node| &node.addresses().grpc);
        let server = format!("http://{address}");
        let calls = NotificationServiceClient::connect(server.clone()).await;
        Self { calls: calls.expect("the notification service answers"), server }
    }

    /// What `parlance push` prints; else what it complains of.
    pub async fn tool(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = tokio::process::Command::new(binary());
        command
            .arg("push")
            .args(arguments)
            .env("PARLANCE_SERVER", &self.server)
            .env("PARLANCE_API_KEY", DEV_KEY);
        let output = command.output().await.expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
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
        self.calls.clone().set_provider(with_key(request)).await.expect("the provider is set");
    }

    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let request = with_key(ListDeadLettersRequest::default());
        self.calls.clone().list_dead_letters(request).await.expect("dead letters").into_inner().letters
    }

    /// Queues all dead letters again; how many.
    pub async fn replay(&self) -> u32 {
        let request = with_key(ReplayDeadLettersRequest::default());
        self.calls.clone().replay_dead_letters(request).await.expect("a replay").into_inner().replayed
    }

    pub async fn queue(&self) -> GetQueueResponse {
        self.calls.clone().get_queue(with_key(GetQueueRequest {})).await.expect("the queue").into_inner()
    }
}

fn with_key<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-api-key", DEV_KEY.parse().expect("ASCII"));
    request
}
