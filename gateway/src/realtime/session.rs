//! The life of one socket: one task that reads commands, writes what is queued, and keeps time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, Sleep};

use super::codes::{CloseCode, ErrorCode, UnsubscribeCode};
use super::protocol::{Command, Empty, Encoded, Protocol, Push, Reply};
use super::{subscribe, writer};
use crate::config::RealtimeSettings;
use crate::dialects::chatsdk::channels;
use crate::hub::connection::{Connection, Item, Taken};
use crate::hub::stream::Stream;
use crate::state::Edge;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client is told why.
    Close(CloseCode),
    /// The client has left, or the connection is broken.
    Gone,
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Self::Close(code)
    }
}

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    Connected,
    /// The connect command was answered with an error.
    Refused,
}

pub(super) struct Session {
    pub(super) edge: Edge,
    pub(super) connection: Arc<Connection>,
    pub(super) frame_pings: bool,
    phase: Phase,
    pub(super) subscriptions: Vec<Subscription>,
    timers: Timers,
}

/// One subscription of this connection, live or on its way.
pub(super) struct Subscription {
    pub(super) number: u64,
    pub(super) stream: Arc<Stream>,
    /// The user's unread counts are kept for it.
    pub(super) tracked: bool,
    /// When its token is too old, if it came with one.
    pub(super) expires_at: Option<Instant>,
}

#[derive(Default)]
struct Timers {
    connect_by: Option<Instant>,
    ping_at: Option<Instant>,
    /// Set while a ping is unanswered.
    pong_by: Option<Instant>,
    expires_at: Option<Instant>,
}

/// Serves a socket until it ends.
pub(super) async fn run(edge: Edge, mut socket: WebSocket, protocol: Protocol, frame_pings: bool) {
    let connection = edge.hub().open(protocol);
    let connect_by = Instant::now() + seconds(edge.settings().realtime.connect_timeout_s);
    let mut session = Session {
        edge,
        connection,
        frame_pings,
        phase: Phase::Fresh,
        subscriptions: Vec::new(),
        timers: Timers { connect_by: Some(connect_by), ..Timers::default() },
    };
    let mut unreadable = false;
    let end = session.serve(&mut socket, &mut unreadable).await;
    // Ends the subscriptions; the close handshake may take a moment.
    drop(session);
    if let End::Close(code) = end {
        Box::pin(writer::close(&mut socket, code, unreadable)).await;
    }
}

impl Session {
    async fn serve(&mut self, socket: &mut WebSocket, unreadable: &mut bool) -> End {
        let sleep = tokio::time::sleep_until(self.due());
        tokio::pin!(sleep);
        loop {
            if let Err(end) = self.step(socket, &mut sleep, unreadable).await {
                return end;
            }
            let due = self.due();
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
        }
    }

    /// Waits for one thing and deals with it. The dealing is boxed: an idle connection holds the
    /// waiting alone.
    async fn step(
        &mut self,
        socket: &mut WebSocket,
        sleep: &mut Pin<&mut Sleep>,
        unreadable: &mut bool,
    ) -> Result<(), End> {
        tokio::select! {
            () = self.connection.woken() => Box::pin(self.drain(socket)).await,
            () = sleep.as_mut() => Box::pin(self.tick(socket)).await,
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => Box::pin(self.frame(socket, text.as_bytes())).await,
                Some(Ok(Message::Binary(bytes))) => Box::pin(self.frame(socket, &bytes)).await,
                Some(Ok(Message::Pong(_))) if self.frame_pings => self.pong().map_err(End::from),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                // The answer to a close frame is sent by reading on.
                Some(Ok(Message::Close(_))) => {
                    let _ = tokio::time::timeout(Duration::from_secs(1), socket.recv()).await;
                    Err(End::Gone)
                }
                None => Err(End::Gone),
                // Too large, not a WebSocket frame, or a broken connection (then nobody hears it).
                Some(Err(_)) => {
                    *unreadable = true;
                    Err(End::Close(CloseCode::BadRequest))
                }
            },
        }
    }

    fn settings(&self) -> &RealtimeSettings {
        &self.edge.settings().realtime
    }

    fn patience(&self) -> Duration {
        seconds(self.settings().max_queue_age_s)
    }

    /// Writes what is queued until nothing is.
    async fn drain(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        loop {
            let Taken { items, bytes, close } = self.connection.take();
            if items.is_empty() {
                return close.map_or(Ok(()), |code| Err(End::Close(code)));
            }
            metrics::histogram!("parlance_realtime_queue_bytes").record(bytes as f64);
            let protocol = self.connection.protocol;
            let mut messages = Vec::with_capacity(items.len());
            let mut deliveries = 0;
            let mut oldest = None;
            let mut traced = Vec::new();
            for item in items {
                match item {
                    Item::Publication(publication) => {
                        deliveries += 1;
                        // They wait in order, so the first one is the oldest.
                        oldest = oldest.or(publication.at());
                        messages.push(publication.encoded(protocol));
                        if publication.delivery().is_some() {
                            traced.push(publication);
                        }
                    }
                    Item::Ended { subscription, code } => {
                        messages.extend(self.ended(subscription, code));
                    }
                }
            }
            let frames = writer::frames(protocol, messages);
            let size: usize = frames.iter().map(Encoded::len).sum();
            metrics::counter!("parlance_realtime_deliveries_total").increment(deliveries);
            metrics::counter!("parlance_realtime_written_bytes_total").increment(size as u64);
            self.write(socket, frames).await?;
            if let Some(at) = oldest {
                let age = self.edge.clock().now().since(at);
                metrics::histogram!("parlance_realtime_delivery_seconds").record(age.as_secs_f64());
            }
            for publication in traced {
                publication.delivery().into_iter().for_each(|delivery| delivery.written());
            }
        }
    }

    async fn write(&self, socket: &mut WebSocket, frames: Vec<Encoded>) -> Result<(), End> {
        writer::write(socket, frames.into_iter().map(Message::from), &self.connection, self.patience()).await
    }

    /// The push for a subscription that the hub has ended; nothing if the client has ended it already.
    fn ended(&mut self, number: u64, code: UnsubscribeCode) -> Option<Encoded> {
        let index = self.subscriptions.iter().position(|one| one.number == number)?;
        let push = self.end(index, code);
        Some(self.connection.protocol.encode(&[push]))
    }

    /// Ends a subscription from this side; the push that says so.
    pub(super) fn end(&mut self, index: usize, code: UnsubscribeCode) -> Reply {
        let channel = self.subscriptions[index].stream.channel.as_ref().to_owned();
        self.forget(index);
        let push = Push { channel, unsubscribe: Some(code.into()), ..Push::default() };
        Reply { push: Some(push), ..Reply::default() }
    }

    /// Takes a subscription out of the hub.
    pub(super) fn forget(&mut self, index: usize) {
        let subscription = self.subscriptions.swap_remove(index);
        self.edge.hub().unsubscribe(&subscription.stream, subscription.number);
        self.connection.drop_channel(&subscription.stream.channel);
        if subscription.tracked {
            self.edge.hub().unread().untrack(subscription.stream.key.num, &self.connection);
        }
        metrics::gauge!("parlance_realtime_subscriptions").decrement(1.0);
    }

    /// Reads one frame and answers it with one frame.
    async fn frame(&mut self, socket: &mut WebSocket, frame: &[u8]) -> Result<(), End> {
        if frame.len() > self.settings().max_frame_bytes {
            return Err(CloseCode::BadRequest.into());
        }
        // What was queued before the commands goes out before their replies.
        self.drain(socket).await?;
        let most = self.settings().max_commands_per_frame;
        let commands =
            self.connection.protocol.decode(frame, most).map_err(|_| End::Close(CloseCode::BadRequest))?;
        let mut replies = Vec::new();
        // A pong is the usual frame of an idle connection and needs no big future.
        let outcome = match commands.as_slice() {
            [command] if self.phase == Phase::Connected && is_pong(command) => self.pong(),
            _ => Box::pin(self.execute(commands, &mut replies)).await,
        };
        if !replies.is_empty() {
            // Nothing queued since has been written: a subscription's reply precedes its publications.
            let reply = self.connection.protocol.encode(&replies);
            self.write(socket, vec![reply]).await?;
        }
        outcome?;
        self.drain(socket).await
    }

    /// Runs commands in order, up to the first one that ends the connection.
    async fn execute(&mut self, commands: Vec<Command>, replies: &mut Vec<Reply>) -> Result<(), CloseCode> {
        let mut commands = commands.into_iter().peekable();
        while let Some(command) = commands.next() {
            if self.phase != Phase::Connected {
                // Once refused, no command counts any more.
                match command.connect {
                    Some(connect) if self.phase == Phase::Fresh && command.id > 0 => {
                        let reply = self.connect(connect).await?;
                        let refused = reply.error.is_some();
                        self.phase = if refused { Phase::Refused } else { Phase::Connected };
                        replies.push(Reply { id: command.id, ..reply });
                    }
                    _ => return Err(CloseCode::BadRequest),
                }
                continue;
            }
            if let Some(subscribe) = plain_subscribe(&command) {
                // Subscribes that follow each other are loaded together.
                let mut group = vec![(command.id, subscribe)];
                while let Some(next) = commands.next_if(|next| plain_subscribe(next).is_some()) {
                    group.extend(plain_subscribe(&next).map(|subscribe| (next.id, subscribe)));
                }
                subscribe::subscribe(self, group, replies).await?;
            } else if is_pong(&command) {
                self.pong()?;
            } else {
                let id = command.id;
                let reply = self.command(command, replies).await?;
                replies.push(Reply { id, ..reply });
            }
        }
        Ok(())
    }

    /// Any command but connect and subscribe. The first request that is present counts.
    async fn command(&mut self, command: Command, replies: &mut Vec<Reply>) -> Result<Reply, CloseCode> {
        if command.connect.is_some() {
            return Err(CloseCode::BadRequest);
        }
        if let Some(unsubscribe) = command.unsubscribe {
            self.unsubscribe(&unsubscribe.channel);
            return Ok(Reply { unsubscribe: Some(Empty {}), ..Reply::default() });
        }
        if let Some(publish) = command.publish {
            let refusal = match channels::parse(&publish.channel) {
                Some(channels::Channel::Chat { .. } | channels::Channel::User { .. }) => {
                    ErrorCode::PermissionDenied
                }
                _ => ErrorCode::UnknownChannel,
            };
            return Ok(refuse(refusal));
        }
        let not_served = command.presence.is_some()
            || command.presence_stats.is_some()
            || command.history.is_some()
            || command.ping.is_some();
        if not_served {
            return Ok(refuse(ErrorCode::NotAvailable));
        }
        if command.send.is_some() {
            return Err(CloseCode::NotAvailable);
        }
        if command.rpc.is_some() {
            return Ok(refuse(ErrorCode::NotAvailable));
        }
        if let Some(refresh) = command.refresh {
            return self.refresh(refresh).await;
        }
        if let Some(refresh) = command.sub_refresh {
            return self.sub_refresh(refresh, replies).await;
        }
        Err(CloseCode::BadRequest)
    }

    /// Always succeeds, also for channels that are not subscribed to: an error would make clients
    /// drop the connection.
    fn unsubscribe(&mut self, channel: &str) {
        if let Some(index) = self.subscribed(channel) {
            self.forget(index);
        }
    }

    /// Where in `subscriptions` a channel is.
    pub(super) fn subscribed(&self, channel: &str) -> Option<usize> {
        self.subscriptions.iter().position(|one| *one.stream.channel == *channel)
    }

    /// The connection is authenticated: pings start, the time to connect is over.
    pub(super) fn started(&mut self) {
        self.timers.connect_by = None;
        let interval = seconds(self.settings().ping_interval_s);
        // The first ping comes at a random time, so that those who come together are not pinged together.
        self.timers.ping_at = Some(Instant::now() + interval.mul_f64(rand::random_range(0.5..=1.0)));
    }

    /// When the connection is closed unless it is refreshed.
    pub(super) fn expire_at(&mut self, at: Option<Instant>) {
        self.timers.expires_at = at;
    }

    /// Time left until `at`, with the seconds granted for refreshing.
    pub(super) fn with_grace(&self, left: Duration) -> Instant {
        Instant::now() + left + seconds(self.settings().expiry_grace_s)
    }

    /// One pong per ping.
    fn pong(&mut self) -> Result<(), CloseCode> {
        self.timers.pong_by.take().map(|_| ()).ok_or(CloseCode::BadRequest)
    }

    /// The next thing that time brings.
    fn due(&self) -> Instant {
        let timers = &self.timers;
        let expiries = self.subscriptions.iter().filter_map(|subscription| subscription.expires_at);
        [timers.connect_by, timers.ping_at, timers.pong_by, timers.expires_at]
            .into_iter()
            .flatten()
            .chain(expiries)
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }

    /// Does what is due.
    async fn tick(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        let now = Instant::now();
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if past(self.timers.connect_by) {
            return Err(CloseCode::Stale.into());
        }
        if past(self.timers.pong_by) {
            return Err(CloseCode::NoPong.into());
        }
        if past(self.timers.expires_at) {
            return Err(CloseCode::ConnectionExpired.into());
        }
        let mut frames = Vec::new();
        while let Some(index) = self.subscriptions.iter().position(|one| past(one.expires_at)) {
            let push = self.end(index, UnsubscribeCode::Expired);
            frames.push(self.connection.protocol.encode(&[push]).into());
        }
        if past(self.timers.ping_at) {
            self.timers.ping_at = Some(now + seconds(self.settings().ping_interval_s));
            self.timers.pong_by = Some(now + seconds(self.settings().pong_timeout_s));
            frames.push(match self.frame_pings {
                true => Message::Ping(Default::default()),
                false => self.connection.protocol.ping().into(),
            });
        }
        if !frames.is_empty() {
            writer::write(socket, frames, &self.connection, self.patience()).await?;
        }
        // A wake-up may have come while writing.
        self.drain(socket).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        while !self.subscriptions.is_empty() {
            self.forget(self.subscriptions.len() - 1);
        }
        self.edge.hub().closed(&self.connection);
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// A reply that refuses.
pub(super) fn refuse(code: ErrorCode) -> Reply {
    Reply { error: Some(code.into()), ..Reply::default() }
}

fn is_pong(command: &Command) -> bool {
    command.id == 0 && command.send.is_none()
}

/// The subscribe request, if that is what the command is.
fn plain_subscribe(command: &Command) -> Option<super::protocol::SubscribeRequest> {
    match command {
        Command { id: 1.., connect: None, subscribe: Some(subscribe), .. } => Some(subscribe.clone()),
        _ => None,
    }
}
