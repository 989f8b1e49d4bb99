//! The realtime endpoint: the Centrifuge client protocol over WebSocket.
//!
//! `protocol` reads and writes frames, `session` is the life of one socket, the hub does the rest.

pub mod codes;
mod connect;
pub mod protocol;
mod refresh;
mod session;
mod subscribe;
mod writer;

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, header};
use serde::Deserialize;

use crate::dialects::chatsdk::error::{Code, Failure};
use crate::hub::Refusal;
use crate::state::Edge;
use protocol::Protocol;

/// Bytes read from a socket at once; each connection holds a buffer of this size.
const READ_BUFFER: usize = 2048;
/// Bytes gathered before a write; several publications go out in one system call.
const WRITE_BUFFER: usize = 16 * 1024;

/// The endpoint's routes: `/connection/websocket`.
pub fn routes() -> Router<Edge> {
    Router::new().route("/connection/websocket", any(upgrade))
}

/// Ways to choose the form and the pings without a subprotocol.
#[derive(Debug, Default, Deserialize)]
struct Options {
    format: Option<String>,
    cf_protocol: Option<String>,
    cf_ws_frame_ping_pong: Option<String>,
}

/// `GET /connection/websocket`: 101, or 400 for what is no WebSocket, 403 for a page of an origin that is not admitted, 503 while
/// draining or full.
async fn upgrade(
    State(edge): State<Edge>,
    options: Result<Query<Options>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(WebSocketUpgradeRejection::MethodNotGet(_)) => {
            return Failure::new(Code::MethodNotAllowed, "a WebSocket is opened by GET").into_response();
        }
        Err(rejection) => return Failure::new(Code::ValidationError, rejection.body_text()).into_response(),
    };
    if !origin_is_admitted(&headers, &edge.settings().gateway.allowed_origins) {
        return Failure::new(Code::Forbidden, "this origin is not allowed").into_response();
    }
    if let Err(refusal) = edge.hub().admits() {
        let (why, reason) = match refusal {
            Refusal::Draining => ("shutting down", "draining"),
            Refusal::Full => ("too many connections", "full"),
        };
        metrics::counter!("parlance_realtime_refused_total", "reason" => reason).increment(1);
        let retry_after = Some(Duration::from_secs(1));
        return Failure { retry_after, ..Failure::new(Code::ServiceUnavailable, why) }.into_response();
    }
    let Query(options) = options.unwrap_or_default();
    // The first of these that the client offers is echoed; an empty header offers none.
    let upgrade = upgrade.protocols(["centrifuge-protobuf", "centrifuge-json"]);
    let asked = [options.format, options.cf_protocol].into_iter().flatten().any(|form| form == "protobuf");
    let protocol = match upgrade.selected_protocol().map(|chosen| chosen.as_bytes()) {
        Some(b"centrifuge-protobuf") => Protocol::Protobuf,
        Some(_) => Protocol::Json,
        None if asked => Protocol::Protobuf,
        None => Protocol::Json,
    };
    let frame_pings = options.cf_ws_frame_ping_pong.is_some_and(|value| value == "true");
    // Twice the limit is read, so that whoever exceeds it can be told why.
    let most = edge.settings().realtime.max_frame_bytes * 2;
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| Box::pin(session::run(edge, socket, protocol, frame_pings)))
}

/// Whether a browser page may connect: its origin is listed, or is this host itself. Others than
/// browsers send no origin.
fn origin_is_admitted(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    });
    own || allowed.iter().any(|one| one == "*" || one.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_admitted_by_list_or_by_host() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "chat.example:8001".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            headers
        };
        let listed = ["https://app.example/".to_owned()];
        assert!(origin_is_admitted(&headers(None), &[]));
        assert!(origin_is_admitted(&headers(Some("http://chat.example:8001")), &[]));
        assert!(origin_is_admitted(&headers(Some("https://app.example")), &listed));
        assert!(!origin_is_admitted(&headers(Some("https://evil.example")), &listed));
        assert!(!origin_is_admitted(&headers(Some("null")), &listed));
        assert!(origin_is_admitted(&headers(Some("null")), &["*".to_owned()]));
    }
}
