use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::codec::{Encoding, Frame};
use super::wire::*;
use crate::harness::Harness;
use crate::rest::User;
use crate::wait::PATIENCE;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Code of the close frame; 1006 if the connection broke without one.
    pub code: u16,
    pub reason: String,
}

/// What has arrived so far, oldest first.
#[derive(Debug, Default)]
pub struct State {
    /// Replies and pushes in the order of their arrival.
    pub replies: Vec<Reply>,
    /// Number of things in each frame, pings included.
    pub frame_sizes: Vec<usize>,
    pub pings: usize,
    pub close: Option<Close>,
    /// Frames that broke the contract.
    pub broken: Vec<String>,
    /// Channel names behind the numbers of compacted pushes.
    names: Vec<(i64, String)>,
}

impl State {
    /// Channel and publication of every publication, recovered ones included, in order.
    pub fn publications(&self) -> Vec<(String, Publication)> {
        let mut all = Vec::new();
        for reply in &self.replies {
            if let Some(push) = &reply.push {
                let channel = self.channel_of(push);
                all.extend(push.publication.clone().map(|publication| (channel, publication)));
            }
            if let Some(result) = &reply.subscribe {
                let channel = self.names.iter().find(|(id, _)| *id == -i64::from(reply.id));
                let channel = channel.map(|(_, name)| name.clone()).unwrap_or_default();
                all.extend(result.publications.iter().map(|one| (channel.clone(), one.clone())));
            }
        }
        all
    }

    /// Publications that were pushed since a position among the replies, which is moved on.
    pub fn pushed(&self, read: &mut usize) -> Vec<(String, Publication)> {
        let news = &self.replies[(*read).min(self.replies.len())..];
        *read = self.replies.len();
        let pushes = news.iter().filter_map(|reply| reply.push.as_ref());
        pushes.filter_map(|push| Some((self.channel_of(push), push.publication.clone()?))).collect()
    }

    /// Publications of one channel.
    pub fn on(&self, channel: &str) -> Vec<Publication> {
        self.publications().into_iter().filter(|(name, _)| name == channel).map(|(_, one)| one).collect()
    }

    /// Events of one channel with one `type`: their payloads.
    pub fn events(&self, channel: &str, kind: &str) -> Vec<Value> {
        self.on(channel).iter().filter(|one| one.kind() == kind).map(Publication::payload).collect()
    }

    /// Types of the events of one channel, in order.
    pub fn kinds(&self, channel: &str) -> Vec<String> {
        self.on(channel).iter().map(Publication::kind).collect()
    }

    /// Unsubscribe pushes of a channel: their codes.
    pub fn unsubscribes(&self, channel: &str) -> Vec<u32> {
        let pushes = self.replies.iter().filter_map(|reply| reply.push.as_ref());
        let pushes = pushes.filter(|push| self.channel_of(push) == channel);
        pushes.filter_map(|push| push.unsubscribe.as_ref()).map(|push| push.code).collect()
    }

    pub fn reply(&self, id: u32) -> Option<&Reply> {
        self.replies.iter().find(|reply| reply.push.is_none() && reply.id == id)
    }

    fn channel_of(&self, push: &Push) -> String {
        if push.id == 0 {
            return push.channel.clone();
        }
        let known = self.names.iter().rev().find(|(id, _)| *id == push.id);
        known.map(|(_, name)| name.clone()).unwrap_or_else(|| format!("#{}", push.id))
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
    mute: AtomicBool,
    stalled: AtomicBool,
}

/// A connection to the realtime endpoint. Commands are numbered from 1.
pub struct Realtime {
    encoding: Encoding,
    writer: Arc<tokio::sync::Mutex<SplitSink<Socket, Message>>>,
    shared: Arc<Shared>,
    next_id: AtomicU32,
    reader: tokio::task::JoinHandle<()>,
}

impl Drop for Realtime {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Realtime {
    /// Opens the socket only.
    pub async fn open(url: &str, encoding: Encoding) -> Self {
        Self::try_open(url, encoding).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    pub async fn try_open(url: &str, encoding: Encoding) -> Result<Self, SocketError> {
        let mut request = url.into_client_request()?;
        let subprotocol = HeaderValue::from_static(encoding.subprotocol());
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self::over(socket, encoding))
    }

    /// Runs on a socket that was opened elsewhere.
    pub fn over(socket: Socket, encoding: Encoding) -> Self {
        let (writer, reader) = socket.split();
        let (writer, shared) = (Arc::new(tokio::sync::Mutex::new(writer)), Arc::new(Shared::default()));
        let reader = tokio::spawn(read(reader, writer.clone(), shared.clone(), encoding));
        Self { encoding, writer, shared, next_id: AtomicU32::new(1), reader }
    }

    /// Opens, connects as a user, in JSON.
    pub async fn connect(harness: &Harness, user: &User) -> Self {
        Self::connect_in(harness, user, Encoding::Json).await
    }

    pub async fn connect_in(harness: &Harness, user: &User, encoding: Encoding) -> Self {
        let client = Self::open(&harness.realtime_url(), encoding).await;
        let reply = client.authenticate(&user.ws_token).await;
        assert!(reply.error.is_none(), "connect: {reply:?}");
        client
    }

    /// Connects and subscribes to the user's own channel and to these chat channels.
    pub async fn follow(harness: &Harness, user: &User, channels: &[&str]) -> Self {
        let client = Self::connect(harness, user).await;
        client.subscribed(&user.stream()).await;
        for channel in channels {
            client.subscribed(&user.chat(channel)).await;
        }
        client
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The number for the next command.
    pub fn id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Leaves pings unanswered from now on.
    pub fn mute(&self) {
        self.shared.mute.store(true, Ordering::Relaxed);
    }

    /// Stops (or resumes) taking anything from the socket.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Sends commands in one frame.
    pub async fn send(&self, commands: &[Command]) {
        for command in commands {
            let subscribe = command.subscribe.as_ref();
            if let Some(subscribe) = subscribe {
                self.state().names.push((-i64::from(command.id), subscribe.channel.clone()));
            }
        }
        self.send_message(self.encoding.encode(commands)).await;
    }

    /// Sends a frame as it is; a connection that is already closed swallows it.
    pub async fn send_message(&self, message: Message) {
        let _ = self.writer.lock().await.send(message).await;
    }

    /// Sends one command and waits for its reply.
    pub async fn ask(&self, mut command: Command) -> Reply {
        command.id = self.id();
        let id = command.id;
        self.send(&[command]).await;
        self.reply(id).await
    }

    /// Waits for the reply to a command.
    pub async fn reply(&self, id: u32) -> Reply {
        self.wait_until(&format!("reply {id} arrives"), |state| state.reply(id).cloned()).await
    }

    /// The connect command.
    pub async fn authenticate(&self, token: &str) -> Reply {
        let connect = ConnectRequest { token: token.into(), name: "test".into(), ..Default::default() };
        self.ask(Command { connect: Some(connect), ..Default::default() }).await
    }

    /// The connect command, without waiting for what becomes of it.
    pub async fn send_token(&self, token: &str) {
        let connect = ConnectRequest { token: token.into(), name: "test".into(), ..Default::default() };
        self.send(&[Command { id: self.id(), connect: Some(connect), ..Default::default() }]).await;
    }

    /// A subscribe command with nothing but the channel.
    pub async fn subscribe(&self, channel: &str) -> Reply {
        self.subscribe_with(SubscribeRequest { channel: channel.into(), ..Default::default() }).await
    }

    /// A subscribe command that recovers from a position.
    pub async fn recover(&self, channel: &str, offset: u64, epoch: &str) -> Reply {
        let request = SubscribeRequest {
            channel: channel.into(),
            recover: true,
            offset,
            epoch: epoch.into(),
            ..Default::default()
        };
        self.subscribe_with(request).await
    }

    pub async fn subscribe_with(&self, request: SubscribeRequest) -> Reply {
        self.ask(Command { subscribe: Some(request), ..Default::default() }).await
    }

    /// Subscribes; anything but success fails the test.
    pub async fn subscribed(&self, channel: &str) -> SubscribeResult {
        let reply = self.subscribe(channel).await;
        reply.subscribe.unwrap_or_else(|| panic!("subscribe {channel}: {:?}", reply.error))
    }

    pub async fn unsubscribe(&self, channel: &str) -> Reply {
        let request = ChannelRequest { channel: channel.into() };
        self.ask(Command { unsubscribe: Some(request), ..Default::default() }).await
    }

    /// Waits for the connection to end.
    pub async fn closed(&self) -> Close {
        self.wait_until("the connection is closed", |state| state.close.clone()).await
    }

    /// What has arrived.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Waits for an event on a channel and answers its payload.
    pub async fn event(&self, channel: &str, kind: &str) -> Value {
        self.event_where(channel, kind, |_| true).await
    }

    /// Waits for an event on a channel whose payload fits.
    pub async fn event_where(&self, channel: &str, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{kind} arrives on {channel}");
        self.wait_until(&what, |state| state.events(channel, kind).into_iter().find(|one| fits(one))).await
    }

    /// Returns when something has arrived, or after `patience`.
    pub async fn news(&self, patience: std::time::Duration) {
        let _ = tokio::time::timeout(patience, self.shared.news.notified()).await;
    }

    /// Waits until `probe` answers something; after [`PATIENCE`] fails and prints what did arrive.
    pub async fn wait_until<T>(&self, what: &str, probe: impl Fn(&State) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let news = self.shared.news.notified();
            {
                let state = self.state();
                assert!(state.broken.is_empty(), "frames outside the contract: {:#?}", state.broken);
                if let Some(found) = probe(&state) {
                    return found;
                }
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                panic!("waited {PATIENCE:?} until {what}; arrived:\n{}", summary(&self.state()));
            }
        }
    }

    /// Breaks the connection without a goodbye and answers what had arrived.
    pub async fn cut(self) -> State {
        self.reader.abort();
        std::mem::take(&mut *self.state())
    }
}

fn summary(state: &State) -> String {
    let replies = state.replies.iter().map(|reply| match &reply.push {
        Some(Push { channel, id, publication: Some(one), .. }) => {
            let data = String::from_utf8_lossy(&one.data);
            format!("push {channel}#{id} offset {}: {}", one.offset, short(&data))
        }
        Some(push) => short(&format!("{push:?}")),
        None => short(&format!("{reply:?}")),
    });
    let lines: Vec<String> = replies.collect();
    format!("{}\npings {}, close {:?}", lines.join("\n"), state.pings, state.close)
}

fn short(text: &str) -> String {
    text.chars().take(400).collect()
}

async fn read(
    mut reader: SplitStream<Socket>,
    writer: Arc<tokio::sync::Mutex<SplitSink<Socket, Message>>>,
    shared: Arc<Shared>,
    encoding: Encoding,
) {
    let end = |code: u16, reason: &dyn Debug| Close { code, reason: format!("{reason:?}") };
    let close = loop {
        while shared.stalled.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let message = match reader.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                break Close { code: frame.code.into(), reason: frame.reason.to_string() };
            }
            Some(Ok(Message::Close(None))) => break end(1005, &"no code"),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(message)) => message,
            Some(Err(error)) => break end(1006, &error),
            None => break end(1006, &"end of stream"),
        };
        let frames = encoding.decode(&message);
        let mut pings = 0;
        {
            let mut state = shared.state.lock().unwrap();
            match frames {
                Err(error) => state.broken.push(error),
                Ok(frames) => {
                    state.frame_sizes.push(frames.len());
                    for frame in frames {
                        match frame {
                            Frame::Ping => pings += 1,
                            Frame::Reply(reply) => keep(&mut state, *reply),
                        }
                    }
                    state.pings += pings;
                }
            }
        }
        if !shared.mute.load(Ordering::Relaxed) {
            for _ in 0..pings {
                let _ = writer.lock().await.send(encoding.encode(&[Command::default()])).await;
            }
        }
        shared.news.notify_waiters();
    };
    shared.state.lock().unwrap().close = Some(close);
    shared.news.notify_waiters();
    // Answers the close frame.
    let _ = writer.lock().await.close().await;
}

fn keep(state: &mut State, reply: Reply) {
    if let Some(id) = reply.subscribe.as_ref().map(|result| result.id).filter(|id| *id > 0) {
        let command = -i64::from(reply.id);
        let name = state.names.iter().find(|(known, _)| *known == command).map(|(_, name)| name.clone());
        state.names.extend(name.map(|name| (id, name)));
    }
    state.replies.push(reply);
}
