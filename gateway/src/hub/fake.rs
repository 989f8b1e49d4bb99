//! A hub in front of made-up services, for tests.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use parlance_bus::Bus;
use parlance_core::SystemClock;
use parlance_rpc::{AuthClient, ChannelClient, MessageClient, NotificationClient, PresenceClient, Transport};
use tower::ServiceExt as _;

use crate::state::Edge;
use crate::{Dependencies, Settings};

/// An edge whose calls are all answered by `answer`: the name of the call and the request to the reply; `None` =
/// the service is away.
pub async fn edge(
    bus: Arc<dyn Bus>,
    answer: impl Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Edge {
    let transport = transport(Arc::new(answer));
    let edge = Edge::new(Dependencies {
        page_key: None,
        has_siblings: false,
        limits: crate::LimitsBackend::Local,
        settings: Settings::default(),
        clock: Arc::new(SystemClock),
        bus,
        auth: AuthClient::new(transport.clone()),
        channel: ChannelClient::new(transport.clone()),
        message: MessageClient::new(transport.clone()),
        presence: PresenceClient::new(transport.clone()),
        notification: NotificationClient::new(transport),
        tasks: Default::default(),
        stop: Default::default(),
    });
    edge.await.unwrap()
}

/// A request as its type.
pub fn decoded<Q: prost::Message + Default>(bytes: &[u8]) -> Q {
    Q::decode(bytes).unwrap()
}

/// A reply as its bytes.
pub fn encoded(reply: &impl prost::Message) -> Option<Vec<u8>> {
    Some(reply.encode_to_vec())
}

type Answer = dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync;

fn transport(answer: Arc<Answer>) -> Transport {
    let service = tower::service_fn(move |request: http::Request<tonic::body::Body>| {
        let answer = answer.clone();
        async move {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let framed = request.into_body().collect().await.unwrap().to_bytes();
            let Some(reply) = answer(&name, &framed[5..]) else {
                return Ok(tonic::Status::unavailable("away").into_http());
            };
            let frame = [&[0], &(reply.len() as u32).to_be_bytes()[..], &reply].concat();
            let ok = http::HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                http::HeaderValue::from_static("0"),
            )]);
            let body = Full::new(Bytes::from(frame)).with_trailers(std::future::ready(Some(Ok(ok))));
            let response = http::Response::builder().header("content-type", "application/grpc");
            Ok::<_, Infallible>(response.body(tonic::body::Body::new(body)).unwrap())
        }
    });
    Transport::new(service.map_err(|never: Infallible| match never {}))
}
