//! What the start prints: what is served where, and commands to paste.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::apps::{DEV_API_KEY, DEV_APP};
use crate::data_dir::Addresses;

/// The text for people; with commands if the development app is served, and the page if that is.
pub(crate) fn text(addresses: &Addresses, has_dev_app: bool, has_page: bool) -> String {
    let Some(rest) = addresses.rest.map(reachable) else { return String::new() };
    let realtime = addresses.realtime.map_or(rest, reachable);
    let mut text = format!(
        "Parlance {version}\n\n  \
         ChatSDK REST  http://{rest}\n  \
         realtime      ws://{realtime}/connection/websocket\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    if let Some(grpc) = addresses.grpc.map(reachable) {
        _ = writeln!(text, "  gRPC          {grpc} (reflection, health)");
    }
    let ops = addresses.ops.map_or(rest, reachable);
    _ = writeln!(text, "  operations    http://{ops}/health /ready /metrics");
    if has_page {
        _ = writeln!(text, "\nTry it in a browser, in two tabs as two people: http://{rest}/");
    }
    if has_dev_app {
        text.push_str(&commands(rest, realtime));
    } else {
        text.push_str("\nMake an app and its key with `parlance app create --name NAME`.\n");
    }
    text
}

fn commands(rest: SocketAddr, realtime: SocketAddr) -> String {
    format!(
        r#"
The development app {DEV_APP} is served with the API key {DEV_API_KEY}. Paste:

# two users
ALICE=$(curl -s http://{rest}/tokens -H 'X-API-Key: {DEV_API_KEY}' -H 'Content-Type: application/json' \
  -d '{{"userId":"alice","name":"Alice"}}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
BOB=$(curl -s http://{rest}/tokens -H 'X-API-Key: {DEV_API_KEY}' -H 'Content-Type: application/json' \
  -d '{{"userId":"bob","name":"Bob"}}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
# a channel of both
CHANNEL=$(curl -s http://{rest}/api/channels -H 'X-API-Key: {DEV_API_KEY}' -H "Authorization: Bearer $ALICE" \
  -H 'Content-Type: application/json' -d '{{"type":"group","name":"Hello","memberIds":["bob"]}}' \
  | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)
# Alice writes, Bob reads
curl -s http://{rest}/api/channels/$CHANNEL/messages -H 'X-API-Key: {DEV_API_KEY}' -H "Authorization: Bearer $ALICE" \
  -H 'Content-Type: application/json' -d '{{"text":"Hello, Bob"}}'; echo
curl -s http://{rest}/api/channels/$CHANNEL/messages -H 'X-API-Key: {DEV_API_KEY}' -H "Authorization: Bearer $BOB"; echo

Realtime: connect a centrifuge client to ws://{realtime}/connection/websocket with the `wsToken` that POST /tokens
returns, and subscribe to chat:{DEV_APP}:$CHANNEL.
"#
    )
}

/// An address that a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_bound_ports_and_come_only_with_the_development_app() {
        let address = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let addresses =
            Addresses { rest: Some(address(1111)), realtime: Some(address(2222)), grpc: None, ops: None };
        let with = text(&addresses, true, true);
        assert!(with.contains("http://127.0.0.1:1111/tokens") && with.contains(DEV_API_KEY));
        assert!(with.contains("two people: http://127.0.0.1:1111/\n"));
        assert!(with.contains("ws://127.0.0.1:2222/connection/websocket"));
        let without = text(&addresses, false, false);
        assert!(!without.contains(DEV_API_KEY) && !without.contains("browser"));
        assert!(without.contains("parlance app create"));
    }
}
