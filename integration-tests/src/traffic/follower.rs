use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::checker::Received;
use crate::realtime::{
    Command, ConnectRequest, Encoding, Publication, Realtime, Reply, SubscribeRequest, SubscribeResult,
};
use crate::rest::User;

/// How long a gateway may take to open a socket, and to answer a command.
const ANSWER: Duration = Duration::from_secs(5);
/// Pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// What a follower has seen of one channel.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// Messages in the order of their arrival, recovered ones included, and when they came.
    pub messages: Vec<(Received, Instant)>,
    /// Connections that were made.
    pub connections: usize,
    /// Times that the server said that it could not recover the position.
    pub unrecovered: usize,
    /// In a user's own channel: the unread count that each chat channel was last said to have.
    pub unread: HashMap<String, u64>,
    /// The same of all channels together.
    pub total_unread: Option<u64>,
    offset: u64,
    epoch: String,
    subscribed: bool,
}

/// A client that stays subscribed to channels: when its connection ends or falls silent it
/// connects to the next gateway and recovers from where it was.
pub struct Follower {
    seen: Arc<Mutex<HashMap<String, Followed>>>,
    stop: Arc<AtomicBool>,
    moving: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Follower {
    /// Follows `channels` (names of realtime channels) through any of the realtime endpoints `urls`,
    /// the `first` one first. A connection on which nothing comes for `silence` is given up: set
    /// `realtime.ping_interval_s` below it.
    pub async fn start(
        urls: Vec<String>,
        first: usize,
        user: &User,
        channels: Vec<String>,
        silence: Duration,
    ) -> Self {
        let seen = Arc::new(Mutex::new(HashMap::new()));
        let (stop, moving) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let run = Run {
            urls,
            next: first,
            token: user.ws_token.clone(),
            channels: channels.clone(),
            silence,
            seen: seen.clone(),
            stop: stop.clone(),
            moving: moving.clone(),
        };
        let follower = Self { seen, stop, moving, task: tokio::spawn(run.run()) };
        let is_subscribed = || {
            let seen = follower.seen.lock().unwrap();
            channels.iter().all(|channel| seen.get(channel).is_some_and(|followed| followed.subscribed))
        };
        crate::wait::eventually("the follower is subscribed", async || {
            is_subscribed().then_some(()).ok_or(())
        })
        .await;
        follower
    }

    /// What was seen of a channel so far.
    pub fn seen(&self, channel: &str) -> Followed {
        self.seen.lock().unwrap().get(channel).cloned().unwrap_or_default()
    }

    /// Leaves for the next gateway, as a client does that changes networks.
    pub fn move_on(&self) {
        self.moving.store(true, Ordering::Relaxed);
    }

    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.task.await;
    }
}

struct Run {
    urls: Vec<String>,
    next: usize,
    token: String,
    channels: Vec<String>,
    silence: Duration,
    seen: Arc<Mutex<HashMap<String, Followed>>>,
    stop: Arc<AtomicBool>,
    moving: Arc<AtomicBool>,
}

impl Run {
    async fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let url = self.urls[self.next % self.urls.len()].clone();
            self.next += 1;
            if let Ok(Ok(client)) =
                tokio::time::timeout(ANSWER, Realtime::try_open(&url, Encoding::Json)).await
            {
                let _ = self.follow(&client).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until the connection ends, falls silent, or something is refused.
    async fn follow(&self, client: &Realtime) -> Option<()> {
        let connect =
            ConnectRequest { token: self.token.clone(), name: "follower".into(), ..Default::default() };
        ask(client, Command { connect: Some(connect), ..Default::default() }).await?.connect?;
        for channel in &self.channels {
            let known = self.seen.lock().unwrap().get(channel).cloned().unwrap_or_default();
            let request = SubscribeRequest {
                channel: channel.clone(),
                recover: known.subscribed,
                offset: known.offset,
                epoch: known.epoch,
                ..Default::default()
            };
            let command = Command { subscribe: Some(request), ..Default::default() };
            let result = ask(client, command).await?.subscribe?;
            self.subscribed(channel, &result);
        }
        let mut read = 0;
        let mut heard = Instant::now();
        let mut pings = 0;
        while !self.stop.load(Ordering::Relaxed) && !self.moving.swap(false, Ordering::Relaxed) {
            client.news(Duration::from_millis(100)).await;
            let state = client.state();
            for (channel, publication) in state.pushed(&mut read) {
                heard = Instant::now();
                self.push(&channel, &publication);
            }
            if state.pings > pings {
                (pings, heard) = (state.pings, Instant::now());
            }
            // A subscription that the server ended is made anew, with all the others.
            let ended = self.channels.iter().any(|channel| !state.unsubscribes(channel).is_empty());
            if ended || state.close.is_some() || heard.elapsed() > self.silence {
                return None;
            }
        }
        Some(())
    }

    fn subscribed(&self, channel: &str, result: &SubscribeResult) {
        let mut seen = self.seen.lock().unwrap();
        let followed = seen.entry(channel.to_owned()).or_default();
        let again = followed.subscribed;
        followed.connections += 1;
        if again && !result.recovered {
            followed.unrecovered += 1;
        }
        for publication in &result.publications {
            followed.take(publication);
        }
        followed.epoch.clone_from(&result.epoch);
        followed.offset = followed.offset.max(result.offset);
        followed.subscribed = true;
    }

    fn push(&self, channel: &str, publication: &Publication) {
        let mut seen = self.seen.lock().unwrap();
        if let Some(followed) = seen.get_mut(channel) {
            followed.take(publication);
        }
    }
}

impl Followed {
    fn take(&mut self, publication: &Publication) {
        if publication.offset == 0 {
            return self.take_count(publication);
        }
        self.offset = self.offset.max(publication.offset);
        if publication.kind() == "message.new" {
            let message = publication.payload()["message"].clone();
            let received = Received {
                id: message["id"].as_str().unwrap_or_default().to_owned(),
                seq: message["seq"].as_u64().unwrap_or_default(),
                offset: publication.offset,
            };
            self.messages.push((received, Instant::now()));
        }
    }

    /// Counts have no place in the stream: the last one is true.
    fn take_count(&mut self, publication: &Publication) {
        let payload = publication.payload();
        let count = payload["count"].as_u64();
        match publication.kind().as_str() {
            "channel.unread_changed" => {
                let channel = payload["channelId"].as_str().unwrap_or_default().to_owned();
                self.unread.insert(channel, count.unwrap_or_default());
            }
            "channel.total_unread_changed" => self.total_unread = count,
            _ => {}
        }
    }
}

/// One command; `None` if the answer is an error, does not come, or the connection ends.
async fn ask(client: &Realtime, mut command: Command) -> Option<Reply> {
    command.id = client.id();
    let (id, deadline) = (command.id, Instant::now() + ANSWER);
    client.send(&[command]).await;
    loop {
        {
            let state = client.state();
            if let Some(reply) = state.reply(id) {
                return Some(reply.clone()).filter(|reply| reply.error.is_none());
            }
            if state.close.is_some() || Instant::now() > deadline {
                return None;
            }
        }
        client.news(Duration::from_millis(100)).await;
    }
}
