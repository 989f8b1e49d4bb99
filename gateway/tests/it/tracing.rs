use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use parlance_gateway::Settings;
use parlance_gateway::config::GatewaySettings;

use crate::fake::{Front, Services};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The `traceparent` that a request from this address is answered with.
async fn answered(front: &Front, peer: &str, headers: &[(&str, &str)]) -> String {
    let mut request = Request::builder().uri("/health");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    front.call(request).await.headers["traceparent"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_trace_counts_from_a_trusted_proxy_alone() {
    let gateway =
        GatewaySettings { trusted_proxies: vec!["10.0.0.0/8".to_owned()], ..GatewaySettings::default() };
    let settings = Settings { gateway, ..Settings::default() };
    let front = Front::with_settings(Services::default(), settings).await;
    let sent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let traced = ("traceparent", sent.as_str());
    for proxy in ["10.1.2.3:4711", "[::ffff:10.1.2.3]:4711"] {
        assert_eq!(answered(&front, proxy, &[traced]).await, sent);
    }
    let forged = ("x-forwarded-for", "10.1.2.3");
    for headers in [&[traced][..], &[traced, forged]] {
        let own = answered(&front, "203.0.113.9:4711", headers).await;
        assert!(!own.contains(TRACE) && own.ends_with("-00"), "{own}");
    }
}
