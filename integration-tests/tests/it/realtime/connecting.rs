//! centrifugo.md §1, §2.2, §2.3: the connection.

use parlance_integration_tests::realtime::{Command, ConnectRequest, SubscribeRequest};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::prelude::*;

#[tokio::test]
async fn connect_tells_client_version_expiry_and_pings_in_both_encodings_on_both_listeners() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for url in [server.realtime_url(), server.realtime_url_on_rest()] {
        for encoding in Encoding::ALL {
            let client = Realtime::open(&url, encoding).await;
            let result = client.authenticate(&alice.ws_token).await.connect.expect("connected");
            uuid::Uuid::try_parse(&result.client).expect("the client id is a UUID");
            assert!(!result.version.is_empty());
            assert!(result.expires && (86_300..=86_400).contains(&result.ttl), "{}", result.ttl);
            assert_eq!((result.ping, result.pong), (25, true));
        }
    }
}

#[tokio::test]
async fn connect_and_subscribes_in_one_frame_are_answered_in_order_in_one_frame() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let groups = [alice.group("a", &[]).await, alice.group("b", &[]).await];
    for encoding in Encoding::ALL {
        let client = Realtime::open(&server.realtime_url(), encoding).await;
        let connect =
            ConnectRequest { token: alice.ws_token.clone(), name: "js".into(), ..Default::default() };
        let subscribe = |id: u32, channel: String| Command {
            id,
            subscribe: Some(SubscribeRequest { channel, flag: 1, ..Default::default() }),
            ..Default::default()
        };
        let commands = [
            Command { id: 1, connect: Some(connect), ..Default::default() },
            subscribe(2, alice.stream()),
            subscribe(3, alice.chat(&groups[0])),
            subscribe(4, alice.chat(&groups[1])),
        ];
        client.send(&commands).await;
        client.reply(4).await;
        let state = client.state();
        let ids: Vec<u32> = state.replies.iter().filter(|one| one.push.is_none()).map(|one| one.id).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert!(state.frame_sizes[0] >= 4, "one frame: {:?}", state.frame_sizes);
        assert!(state.replies[..4].iter().all(|reply| reply.error.is_none()), "{:?}", state.replies);
    }
}

/// Opens with these headers and answers the subprotocol that was chosen.
async fn chosen(url: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    let (_, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(response.headers().get("sec-websocket-extensions").is_none(), "compression is declined");
    response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn compression_is_declined_and_the_subprotocol_chosen_is_echoed() {
    let server = Harness::start().await;
    let url = server.realtime_url();
    let deflate = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
    assert_eq!(chosen(&url, &[deflate]).await, None);
    let protobuf = ("sec-websocket-protocol", "centrifuge-protobuf");
    assert_eq!(chosen(&url, &[protobuf, deflate]).await.as_deref(), Some("centrifuge-protobuf"));
    let json = ("sec-websocket-protocol", "centrifuge-json");
    assert_eq!(chosen(&url, &[json]).await.as_deref(), Some("centrifuge-json"));
}

#[tokio::test]
async fn an_empty_subprotocol_header_means_none() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Harness::start().await;
    let address = server.addresses().realtime.clone();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: \r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
}

#[tokio::test]
async fn the_query_chooses_protobuf_as_well() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for query in ["format=protobuf", "cf_protocol=protobuf"] {
        let url = format!("{}?{query}", server.realtime_url());
        let request = url.into_client_request().unwrap();
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let client = Realtime::over(socket, Encoding::Protobuf);
        assert!(client.authenticate(&alice.ws_token).await.connect.is_some());
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_turned_away() {
    let options = Options::new().with("gateway.allowed_origins", "https://app.example.com");
    let server = Harness::start_with(options).await;
    let open = async |origin: Option<&'static str>| {
        let mut request = server.realtime_url().into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_static(origin));
        }
        tokio_tungstenite::connect_async(request).await.is_ok()
    };
    assert!(open(None).await, "not a page");
    assert!(open(Some("https://app.example.com")).await);
    assert!(!open(Some("https://evil.example.com")).await);
}

#[tokio::test]
async fn a_plain_request_to_the_endpoint_is_refused_politely() {
    let server = Harness::start().await;
    let address = format!("http://{}/connection/websocket", server.addresses().realtime);
    let answer = reqwest::get(address).await.unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
}
