//! An HTTP/1.1 client that does as little as possible: one request at a time on a connection that is
//! kept, answers with a `Content-Length` only. The generator must not be the bottleneck.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::DEV_KEY;

/// A request whose head is rendered once; only the body changes.
#[derive(Debug, Clone)]
pub struct Request {
    head: String,
    bytes: Vec<u8>,
}

impl Request {
    /// With the development app's API key, and a user's token if one is given.
    pub fn new(method: &str, path: &str, token: Option<&str>) -> Self {
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nx-api-key: {DEV_KEY}\r\n{bearer}\
             content-type: application/json\r\ncontent-length: "
        );
        Self { head, bytes: Vec::new() }
    }

    /// The whole request with this body.
    pub fn with(&mut self, body: &[u8]) -> &[u8] {
        self.bytes.clear();
        self.bytes.extend_from_slice(self.head.as_bytes());
        self.bytes.extend_from_slice(body.len().to_string().as_bytes());
        self.bytes.extend_from_slice(b"\r\n\r\n");
        self.bytes.extend_from_slice(body);
        &self.bytes
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body as JSON; fails on any status but 2xx.
    pub fn json(&self) -> anyhow::Result<Value> {
        ensure!((200..300).contains(&self.status), "status {}: {}", self.status, self.text());
        serde_json::from_slice(self.body).context("an answer is JSON")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned()
    }
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads the answer.
    pub async fn call(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (status, start, end) = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            let Some(head) = find(&self.buffer, b"\r\n\r\n") else { continue };
            let (status, length) = read_head(&self.buffer[..head])?;
            break (status, head + 4, head + 4 + length);
        };
        while self.buffer.len() < end {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        }
        Ok(Answer { status, body: &self.buffer[start..end] })
    }
}

/// Status and body length.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).context("a response head is ASCII")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status line")?;
    let status = status.parse().context("a status is a number")?;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok((status, value.trim().parse().context("a length is a number")?));
        }
    }
    bail!("an answer without Content-Length: {head}")
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_whatever_the_case() {
        let head = b"HTTP/1.1 201 Created\r\nx: y\r\nContent-LENGTH: 17";
        assert_eq!(read_head(head).unwrap(), (201, 17));
        assert!(read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }

    #[test]
    fn a_request_names_the_length_of_its_body() {
        let mut request = Request::new("POST", "/x", Some("T"));
        let text = String::from_utf8(request.with(b"{}").to_vec()).unwrap();
        assert!(text.starts_with("POST /x HTTP/1.1\r\n") && text.ends_with("content-length: 2\r\n\r\n{}"));
        assert!(text.contains("authorization: Bearer T\r\n"));
    }
}
