//! Services that answer by a closure per call, under the ordinary generated clients.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use parlance_bus::MemoryBus;
use parlance_core::{Error, Reason, SystemClock, id};
use parlance_gateway::{Dependencies, Gateway, LimitsBackend, Settings, start};
use parlance_proto::{auth, channel, message, presence};
use parlance_rpc::Transport;
use prost::Message;
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

pub const APP: &str = "00000000-0000-0000-0000-000000000001";
pub const OTHER_APP: &str = "00000000-0000-0000-0000-000000000002";
pub const ANN: i64 = 11 << 22;

type Call = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync>;

/// What the services answer, by the name of the call. Calls without an answer are `UNAVAILABLE`.
#[derive(Clone, Default)]
pub struct Services(HashMap<&'static str, Call>);

impl Services {
    /// Keys `secret`, `public`, `other` (of another app); the token `ann`.
    pub fn with_credentials() -> Self {
        Self::default()
            .on("VerifyApiKey", |asked: auth::VerifyApiKeyRequest| {
                let (app, kind) = match asked.api_key.as_str() {
                    "secret" => (APP, auth::ApiKeyKind::Secret),
                    "public" => (APP, auth::ApiKeyKind::Public),
                    "other" => (OTHER_APP, auth::ApiKeyKind::Secret),
                    _ => return Err(Error::new(Reason::ApiKeyInvalid, "invalid API key")),
                };
                let key_id = asked.api_key;
                Ok(auth::VerifyApiKeyResponse { app_id: app.to_owned(), kind: kind.into(), key_id })
            })
            .on("VerifyToken", |asked: auth::VerifyTokenRequest| match asked.token.as_str() {
                "ann" => Ok(auth::VerifyTokenResponse {
                    app_id: APP.to_owned(),
                    user_num: ANN,
                    user_id: "ann".to_owned(),
                    ..Default::default()
                }),
                "expired" => Err(Error::new(Reason::TokenExpired, "token expired")),
                _ => Err(Error::new(Reason::TokenInvalid, "invalid token")),
            })
            .on("GetUsers", |asked: auth::GetUsersRequest| {
                let known = asked.nums.contains(&ANN) || asked.ids.iter().any(|id| id == "ann");
                Ok(auth::GetUsersResponse { users: if known { vec![ann()] } else { Vec::new() } })
            })
            .on("GetUnread", |_: message::GetUnreadRequest| Ok(message::GetUnreadResponse::default()))
            .on("GetPresence", |_: presence::GetPresenceRequest| Ok(presence::GetPresenceResponse::default()))
            .on("GetChannels", |_: channel::GetChannelsRequest| Ok(channel::GetChannelsResponse::default()))
    }

    /// Answers a call.
    pub fn on<Q: Message + Default, A: Message>(
        mut self,
        call: &'static str,
        answer: impl Fn(Q) -> Result<A, Error> + Send + Sync + 'static,
    ) -> Self {
        let call_it =
            move |bytes: &[u8]| answer(Q::decode(bytes).unwrap()).map(|reply| reply.encode_to_vec());
        self.0.insert(call, Arc::new(call_it));
        self
    }

    fn transport(&self) -> Transport {
        let services = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<tonic::body::Body>| {
            let services = services.clone();
            async move { Ok::<_, Status>(services.answer(request).await) }
        }))
    }

    async fn answer(&self, request: Request<tonic::body::Body>) -> Response<tonic::body::Body> {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let Some(call) = self.0.get(name.as_str()) else {
            return Status::from(Error::unavailable(format!("{name} is away"))).into_http();
        };
        let framed = request.into_body().collect().await.unwrap().to_bytes();
        match call(&framed[5..]) {
            Ok(reply) => {
                let mut framed = BytesMut::new();
                framed.put_u8(0);
                framed.put_u32(reply.len() as u32);
                framed.extend_from_slice(&reply);
                let trailers = http::HeaderMap::from_iter([(
                    http::HeaderName::from_static("grpc-status"),
                    http::HeaderValue::from_static("0"),
                )]);
                let body = Full::new(framed.freeze()).with_trailers(ready(Some(Ok(trailers))));
                Response::builder()
                    .header("content-type", "application/grpc")
                    .body(tonic::body::Body::new(body))
                    .unwrap()
            }
            Err(error) => Status::from(error).into_http(),
        }
    }
}

pub fn ann() -> auth::User {
    auth::User {
        num: ANN,
        id: "ann".to_owned(),
        app_id: APP.to_owned(),
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        ..Default::default()
    }
}

/// A gateway in front of made-up services.
pub struct Front {
    gateway: Gateway,
    stop: CancellationToken,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// Status and error code.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Front {
    pub async fn new(services: Services) -> Self {
        Self::with_settings(services, Settings::default()).await
    }

    pub async fn with_settings(services: Services, settings: Settings) -> Self {
        Self::with(services, settings, None).await
    }

    /// With the page at `/`, which is given this API key.
    pub async fn with_page(services: Services, page_key: &'static str) -> Self {
        Self::with(services, Settings::default(), Some(page_key)).await
    }

    async fn with(services: Services, settings: Settings, page_key: Option<&'static str>) -> Self {
        let stop = CancellationToken::new();
        let gateway = start(Dependencies {
            has_siblings: false,
            page_key,
            settings,
            clock: Arc::new(SystemClock),
            bus: Arc::new(MemoryBus::default()),
            auth: parlance_rpc::AuthClient::new(services.transport()),
            channel: parlance_rpc::ChannelClient::new(services.transport()),
            message: parlance_rpc::MessageClient::new(services.transport()),
            presence: parlance_rpc::PresenceClient::new(services.transport()),
            notification: parlance_rpc::NotificationClient::new(services.transport()),
            limits: LimitsBackend::Local,
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        })
        .await
        .unwrap();
        Self { gateway, stop }
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.gateway.router().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// `headers` as `(name, value)`.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// As Ann, with the app's key.
    pub async fn as_ann(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &[("x-api-key", "secret"), ("authorization", "Bearer ann")], body).await
    }
}

/// Id of some channel.
pub fn channel_id() -> String {
    id::text_of(7 << 22)
}
