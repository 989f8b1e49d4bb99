//! From a TCP connection to subscriptions.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::super::http::find;
use super::frames::masked;

/// A channel to subscribe to, and from where on.
#[derive(Debug, Clone, Default)]
pub struct Subscription {
    pub channel: String,
    /// Position to recover from: epoch and offset.
    pub from: Option<(String, u64)>,
}

impl Subscription {
    pub fn to(channel: String) -> Self {
        Self { channel, from: None }
    }
}

/// What a client says first, all in one frame.
#[derive(Debug)]
pub struct Login {
    frame: Vec<u8>,
    subscriptions: u32,
}

impl Login {
    /// Connect, then all subscriptions.
    pub fn new(ws_token: &str, subscriptions: &[Subscription]) -> Self {
        let mut text = serde_json::json!({
            "id": 1,
            "connect": {"token": ws_token, "name": "bench", "version": env!("CARGO_PKG_VERSION")},
        })
        .to_string();
        for (subscription, id) in subscriptions.iter().zip(2_u32..) {
            let mut request = serde_json::json!({"channel": subscription.channel});
            if let Some((epoch, offset)) = &subscription.from {
                request["recover"] = true.into();
                request["epoch"] = epoch.as_str().into();
                request["offset"] = (*offset).into();
            }
            text.push('\n');
            text.push_str(&serde_json::json!({"id": id, "subscribe": request}).to_string());
        }
        Self { frame: masked(text.as_bytes()), subscriptions: subscriptions.len() as u32 }
    }
}

/// The server's reply to a subscribe.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Replied {
    pub epoch: String,
    pub offset: u64,
    pub recovered: bool,
    publications: Vec<serde::de::IgnoredAny>,
}

impl Replied {
    /// Publications that recovery brought.
    pub fn publications(&self) -> usize {
        self.publications.len()
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: u32,
    error: Option<serde_json::Value>,
    connect: Option<serde::de::IgnoredAny>,
    subscribe: Option<Replied>,
}

/// What a subscriber's kernel buffers, so that ten thousand slow sockets do not fill the memory. The
/// same for the server under test and for baselines.
const RECEIVE_BUFFER: u32 = 256 * 1024;

/// Opens a connection to `host:port`.
pub async fn open(address: &str) -> std::io::Result<TcpStream> {
    let address = address.parse().map_err(std::io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Upgrades a connection and logs in. Returns the reply to each subscribe, in order, and what arrived
/// behind the last of them.
pub async fn login(stream: &mut TcpStream, login: &Login) -> anyhow::Result<(Vec<Replied>, Vec<u8>)> {
    stream
        .write_all(
            b"GET /connection/websocket HTTP/1.1\r\nhost: bench\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await?;
    let mut buffer = Vec::with_capacity(1024);
    let head = loop {
        read(stream, &mut buffer).await?;
        if let Some(head) = find(&buffer, b"\r\n\r\n") {
            break head;
        }
    };
    ensure!(
        buffer.starts_with(b"HTTP/1.1 101"),
        "no upgrade: {}",
        String::from_utf8_lossy(&buffer[..head.min(200)])
    );
    buffer.drain(..head + 4);
    stream.write_all(&login.frame).await?;

    let mut replies: Vec<Replied> = Vec::new();
    let mut connected = false;
    while !connected || replies.len() < login.subscriptions as usize {
        let Some((opcode, payload)) = first_frame(&buffer) else {
            read(stream, &mut buffer).await?;
            continue;
        };
        let end = payload.end;
        if opcode == 0x8 {
            let code = buffer[payload].first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            bail!("closed with {code}");
        }
        for line in buffer[payload].split(|byte| *byte == b'\n') {
            let line: Line = serde_json::from_slice(line).context("a reply is JSON")?;
            if let Some(error) = line.error {
                bail!("command {} failed: {error}", line.id);
            }
            connected |= line.connect.is_some();
            replies.extend(line.subscribe);
        }
        buffer.drain(..end);
    }
    Ok((replies, buffer))
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
    Ok(())
}

/// Opcode and place of the payload of the first frame, if it is complete.
fn first_frame(bytes: &[u8]) -> Option<(u8, std::ops::Range<usize>)> {
    let (start, length) = match bytes.get(1)? & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        length => (2, u64::from(length)),
    };
    let end = start + usize::try_from(length).ok()?;
    (bytes.len() >= end).then_some((bytes[0] & 0x0f, start..end))
}

#[cfg(test)]
mod tests {
    use super::super::frames::plain;
    use super::*;

    #[test]
    fn the_first_frame_is_found_once_it_is_complete() {
        for size in [0, 10, 200, 70_000] {
            let frame = plain("x".repeat(size).as_bytes());
            assert_eq!(first_frame(&frame[..frame.len() - 1]), None);
            let (opcode, payload) = first_frame(&frame).unwrap();
            assert_eq!((opcode, payload.len(), payload.end), (1, size, frame.len()));
        }
    }

    #[test]
    fn a_login_is_one_frame_with_a_line_per_command() {
        let recovering = Subscription { channel: "b".into(), from: Some(("e".into(), 7)) };
        let login = Login::new("T", &[Subscription::to("a".into()), recovering]);
        let text = String::from_utf8_lossy(&login.frame);
        assert_eq!(text.matches('\n').count(), 2);
        assert!(text.contains("\"offset\":7") && text.contains("\"recover\":true"));
    }
}
