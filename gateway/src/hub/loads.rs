//! What the hub asks of the services, collected into batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parlance_core::{Caller, Error, Num, Result};
use parlance_proto::channel::{Action, AuthorizeManyRequest, authorize_many_request::Question};
use parlance_proto::event::Event;
use parlance_proto::message::{
    GetUnreadRequest, ReadStreamsRequest, StreamPosition, get_unread_response, read_streams_response,
};
use parlance_rpc::{Batcher, Context};
use uuid::Uuid;

use super::render;
use super::stream::{Live, LogRead, Stream, StreamKey};
use crate::state::Edge;

/// Most questions of one call.
const QUESTIONS: usize = 1000;
/// Entries of one reading of a stream.
const PAGE: u32 = 1000;
/// Most entries that a client is given on its return; beyond, it reads history over REST.
const MOST_ENTRIES: usize = 10_000;
/// A load that takes longer fails: clients give a subscribe 5 s.
const PATIENCE: Duration = Duration::from_secs(3);

/// May this user read this channel?
struct MayRead {
    app: Uuid,
    channel: Num,
    user: Num,
}

/// Where is this stream, and what comes after an offset of it?
struct Read {
    stream: Arc<Stream>,
    /// Empty = not known.
    epoch: String,
    /// `None` = the position alone.
    after: Option<u64>,
}

/// A user's unread counts.
struct Unread {
    app: Uuid,
    user: Num,
}

pub type UnreadChannels = Vec<get_unread_response::Channel>;

pub struct Loads {
    may_read: Batcher<MayRead, Result<bool>>,
    read: Batcher<Read, Result<LogRead>>,
    unread: Batcher<Unread, Result<UnreadChannels>>,
}

impl Loads {
    pub fn start(edge: &Edge) -> Self {
        let (tasks, stop) = (edge.tasks(), edge.stop());
        let own = edge.clone();
        let may_read = Batcher::start(tasks, stop, QUESTIONS, move |asked| {
            let edge = own.clone();
            async move { each_app(&asked, |one: &MayRead| one.app, |app, part| may_read(&edge, app, part)).await }
        });
        let own = edge.clone();
        let read = Batcher::start(tasks, stop, QUESTIONS, move |asked| {
            let edge = own.clone();
            async move { each_app(&asked, |one: &Read| one.stream.app, |app, part| read(&edge, app, part)).await }
        });
        let own = edge.clone();
        let unread = Batcher::start(tasks, stop, QUESTIONS, move |asked| {
            let edge = own.clone();
            async move { each_app(&asked, |one: &Unread| one.app, |app, part| unread(&edge, app, part)).await }
        });
        Self { may_read, read, unread }
    }

    /// Whether a user may read a channel; an unknown channel is not readable.
    pub async fn may_read(&self, app: Uuid, channel: Num, user: Num) -> Result<bool> {
        self.may_read.ask(MayRead { app, channel, user }).await.unwrap_or_else(stopping)
    }

    /// A stream's position.
    pub async fn position(&self, stream: &Arc<Stream>) -> Result<LogRead> {
        let asked = Read { stream: stream.clone(), epoch: String::new(), after: None };
        self.read.ask(asked).await.unwrap_or_else(stopping)
    }

    /// A stream's position and its entries after an offset, rendered. None if the epoch differs or
    /// the first of them is gone.
    pub async fn entries(&self, stream: &Arc<Stream>, epoch: &str, after: u64) -> Result<LogRead> {
        let mut epoch = epoch.to_owned();
        if epoch.is_empty() {
            epoch = self.position(stream).await?.epoch.as_ref().to_owned();
        }
        let asked = Read { stream: stream.clone(), epoch, after: Some(after) };
        self.read.ask(asked).await.unwrap_or_else(stopping)
    }

    /// The unread counts of a user's channels.
    pub async fn unread(&self, app: Uuid, user: Num) -> Result<UnreadChannels> {
        self.unread.ask(Unread { app, user }).await.unwrap_or_else(stopping)
    }
}

fn stopping<T>() -> Result<T> {
    Err(Error::unavailable("the gateway is stopping"))
}

/// Splits questions by app, has each part answered, and puts the answers back in order.
async fn each_app<'a, Q, A, F>(
    asked: &'a [Q],
    app_of: impl Fn(&Q) -> Uuid,
    answer: impl Fn(Uuid, Vec<&'a Q>) -> F,
) -> Vec<Result<A>>
where
    F: Future<Output = Result<Vec<Result<A>>>>,
{
    let mut parts: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (index, question) in asked.iter().enumerate() {
        parts.entry(app_of(question)).or_default().push(index);
    }
    let answered = join_all(parts.into_iter().map(|(app, indexes)| {
        let answer = answer(app, indexes.iter().map(|&index| &asked[index]).collect());
        async move { (indexes, answer.await) }
    }))
    .await;
    let mut answers: Vec<Option<Result<A>>> = asked.iter().map(|_| None).collect();
    for (indexes, part) in answered {
        match part {
            Ok(part) => {
                for (index, answer) in indexes.into_iter().zip(part) {
                    answers[index] = Some(answer);
                }
            }
            Err(error) => {
                for index in indexes {
                    answers[index] = Some(Err(error.clone()));
                }
            }
        }
    }
    let missing = || Err(Error::internal("a service answered fewer questions than were asked"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
}

fn errand(app: Uuid) -> Context {
    Context::new(Caller::service(app)).with_timeout(PATIENCE)
}

async fn may_read(edge: &Edge, app: Uuid, asked: Vec<&MayRead>) -> Result<Vec<Result<bool>>> {
    let questions = asked
        .iter()
        .map(|one| Question { channel_num: one.channel, user_num: one.user, action: Action::Read.into() })
        .collect();
    let request = errand(app).request(AuthorizeManyRequest { questions });
    let answers = edge.channel().authorize_many(request).await?.into_inner().answers;
    Ok(answers.into_iter().map(|answer| Ok(answer.found && answer.allowed)).collect())
}

async fn unread(edge: &Edge, app: Uuid, asked: Vec<&Unread>) -> Result<Vec<Result<UnreadChannels>>> {
    let mut user_nums: Vec<Num> = asked.iter().map(|one| one.user).collect();
    user_nums.sort_unstable();
    user_nums.dedup();
    let request = errand(app).request(GetUnreadRequest { user_nums });
    let users = edge.message().get_unread(request).await?.into_inner().users;
    let found: HashMap<Num, UnreadChannels> =
        users.into_iter().map(|user| (user.user_num, user.channels)).collect();
    Ok(asked.iter().map(|one| Ok(found.get(&one.user).cloned().unwrap_or_default())).collect())
}

/// Everybody who asks for one stream is answered by one reading from the lowest offset asked for; only
/// if its entries are gone, or its epoch was wrong, the others need another one.
async fn read(edge: &Edge, app: Uuid, asked: Vec<&Read>) -> Result<Vec<Result<LogRead>>> {
    let mut answers: Vec<Option<LogRead>> = vec![None; asked.len()];
    loop {
        let mut groups: HashMap<StreamKey, Vec<usize>> = HashMap::new();
        for (index, one) in asked.iter().enumerate().filter(|(index, _)| answers[*index].is_none()) {
            groups.entry(one.stream.key).or_default().push(index);
        }
        if groups.is_empty() {
            return Ok(answers.into_iter().flatten().map(Ok).collect());
        }
        let groups: Vec<(Vec<usize>, &Read)> = groups
            .into_values()
            .filter_map(|indexes| {
                let ask = |&index: &usize| asked[index];
                // A reading of entries tells the position as well.
                let with_entries = indexes.iter().map(ask).filter(|one| one.after.is_some());
                let lowest = with_entries.min_by_key(|one| one.after).or_else(|| indexes.first().map(ask))?;
                Some((indexes, lowest))
            })
            .collect();
        let lowest: Vec<&Read> = groups.iter().map(|(_, lowest)| *lowest).collect();
        for ((indexes, lowest), log) in groups.iter().zip(read_each(edge, app, &lowest).await?) {
            for &index in indexes {
                if !needs_another(asked[index], lowest, &log) {
                    answers[index] = Some(log.clone());
                }
            }
        }
    }
}

/// Whether `one` may find in the log what the reading for `lowest` does not show.
fn needs_another(one: &Read, lowest: &Read, log: &LogRead) -> bool {
    let (Some(after), Some(from)) = (one.after, lowest.after) else { return false };
    let known_epoch = *one.epoch == *log.epoch;
    let other_question = after > from || one.epoch != lowest.epoch;
    known_epoch && other_question && log.entries.is_empty() && after < log.top
}

/// One reading per question, page after page.
async fn read_each(edge: &Edge, app: Uuid, asked: &[&Read]) -> Result<Vec<LogRead>> {
    let mut logs: Vec<Option<(read_streams_response::Result, Vec<Event>)>> = vec![None; asked.len()];
    let mut unfinished: Vec<usize> = (0..asked.len()).collect();
    while !unfinished.is_empty() {
        let positions = unfinished
            .iter()
            .map(|&index| {
                let read = logs[index].as_ref().and_then(|(_, events)| events.last());
                StreamPosition {
                    stream: Some(asked[index].stream.key.name()),
                    offset: read.map_or(asked[index].after.unwrap_or(0), |last| last.offset),
                    epoch: asked[index].after.map(|_| asked[index].epoch.clone()).unwrap_or_default(),
                }
            })
            .collect();
        let limit = if unfinished.iter().any(|&index| asked[index].after.is_some()) { PAGE } else { 0 };
        let request = errand(app).request(ReadStreamsRequest { positions, limit });
        let results = edge.message().read_streams(request).await?.into_inner().results;
        if results.len() != unfinished.len() {
            return Err(Error::internal("message answered another number of streams than was asked for"));
        }
        let mut again = Vec::new();
        for (index, mut result) in unfinished.into_iter().zip(results) {
            let page = std::mem::take(&mut result.events);
            let (kept, events) = logs[index].get_or_insert_with(|| (Default::default(), Vec::new()));
            let more = page.last().is_some_and(|last| last.offset < result.top_offset);
            *kept = result;
            events.extend(page);
            if more && events.len() < MOST_ENTRIES {
                again.push(index);
            }
        }
        unfinished = again;
    }
    let logs = logs.into_iter().flatten().zip(asked);
    Ok(join_all(logs.map(async |((result, events), one)| rendered(edge, &one.stream, result, events).await))
        .await)
}

async fn rendered(
    edge: &Edge,
    stream: &Stream,
    result: read_streams_response::Result,
    events: Vec<Event>,
) -> LogRead {
    let mut entries: Vec<Live> = Vec::with_capacity(events.len());
    for event in events {
        entries.push(render::live(edge, stream, Arc::new(event)).await);
    }
    LogRead {
        epoch: result.epoch.into(),
        top: result.top_offset,
        first: result.first_offset,
        entries: Arc::new(entries),
    }
}
