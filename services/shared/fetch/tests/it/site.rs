//! A server that says exactly what it is told to, and knows who came.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parlance_fetch::{Fetched, Fetcher, Get, Lookup, Network, Overflow, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Plays a public address.
pub const OUTSIDE: &str = "127.0.0.2";
/// An internal one.
pub const INSIDE: &str = "127.0.0.1";

/// What is sent for a path.
#[derive(Clone)]
pub enum Reply {
    Bytes(Vec<u8>),
    /// The first, then the second for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// The first, then a byte of the second every 20 ms.
    Slowly(Vec<u8>, Vec<u8>),
    /// Nothing, and the connection stays open.
    Silence,
}

/// A running server.
pub struct Site {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
}

impl Site {
    pub async fn start(host: &str, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind((host, 0)).await.unwrap(), reply)
    }

    pub fn listen(listener: TcpListener, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let site = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
            connections: Arc::default(),
            written: Arc::default(),
        };
        let (heads, connections, written) =
            (site.heads.clone(), site.connections.clone(), site.written.clone());
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, heads.clone(), written.clone(), reply.clone()));
            }
        });
        site
    }

    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The same under a name; the client's lookup says where that leads.
    pub fn named(&self, name: &str, path: &str) -> Url {
        Url::parse(&format!("http://{name}:{}{path}", self.address.port())).unwrap()
    }

    /// Heads of requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Bytes that the other side, or the buffers between, have taken.
    pub fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
    written: Arc<AtomicUsize>,
    reply: Arc<impl Fn(&str) -> Reply>,
) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    let mut send = async |bytes: &[u8]| {
        let sent = stream.write_all(bytes).await.is_ok();
        written.fetch_add(bytes.len(), Ordering::SeqCst);
        sent
    };
    match reply(&path) {
        Reply::Bytes(bytes) => {
            send(&bytes).await;
        }
        Reply::Endless(start, more) => {
            let mut open = send(&start).await;
            while open {
                open = send(&more).await;
            }
        }
        Reply::Slowly(start, more) => {
            let mut open = send(&start).await;
            for byte in more {
                tokio::time::sleep(Duration::from_millis(20)).await;
                open = open && send(&[byte]).await;
            }
        }
        Reply::Silence => {
            let mut buffer = [0; 1];
            let _ = stream.read(&mut buffer).await;
        }
    }
}

/// A whole answer; the connection is closed after it.
pub fn answer(status: u16, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    Reply::Bytes([head.as_bytes(), body].concat())
}

pub fn page(body: &str) -> Reply {
    answer(200, "content-type: text/html; charset=utf-8\r\n", body.as_bytes())
}

pub fn redirect(to: &str) -> Reply {
    answer(302, &format!("location: {to}\r\n"), b"")
}

/// A lookup that gives one answer after the other, then the last for ever; and how often it was asked.
pub fn names(answers: &[&[&str]]) -> (Lookup, Arc<AtomicUsize>) {
    let answers: VecDeque<Vec<IpAddr>> =
        answers.iter().map(|answer| answer.iter().map(|one| one.parse().unwrap()).collect()).collect();
    let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| std::io::Error::other("no such name")) })
    });
    (lookup, asked)
}

/// All names lead outside.
pub fn outside() -> Lookup {
    names(&[&[OUTSIDE]]).0
}

fn is_outside(address: IpAddr) -> bool {
    address.to_string() == OUTSIDE
}

/// A client for which 127.0.0.2 alone is public.
pub fn fetcher(lookup: Lookup) -> Fetcher {
    fetcher_with(lookup, Settings { timeout: Duration::from_secs(10), ..Settings::default() })
}

pub fn fetcher_with(lookup: Lookup, settings: Settings) -> Fetcher {
    Fetcher::on(Network { lookup, may_reach: is_outside }, settings).unwrap()
}

/// Fetches a page, with all rules of the caller's off.
pub async fn get(fetcher: &Fetcher, url: &Url) -> Result<Fetched, parlance_fetch::Failure> {
    get_as(fetcher, url, Overflow::Fail).await
}

pub async fn get_as(
    fetcher: &Fetcher,
    url: &Url,
    overflow: Overflow,
) -> Result<Fetched, parlance_fetch::Failure> {
    let get = Get { accept: "text/html", types: &["text/html"], overflow, may_open: &|_| true };
    fetcher.get(url, &get).await
}
