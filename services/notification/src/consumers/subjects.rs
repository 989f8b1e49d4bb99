//! Whom a reply or a reaction concerns: the authors of messages, and who takes part in a thread.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use moka::sync::Cache;
use parking_lot::Mutex;
use parlance_core::{Caller, Error, Num, Reason, Result};
use parlance_proto::message::{
    GetMessagesRequest, ListThreadParticipantsRequest, MessageRef, message_ref::Ref,
};
use parlance_rpc::{Context, MessageClient};
use uuid::Uuid;

const KEPT: Duration = Duration::from_secs(60);
const THREADS: u64 = 20_000;
const AUTHORS: u64 = 200_000;
/// Messages of one question.
const MESSAGES: usize = 200;
/// Threads asked for at once.
const AT_ONCE: usize = 8;

/// A reply whose thread is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub channel: Num,
    pub parent: Num,
    pub author: Num,
}

pub struct Subjects {
    message: MessageClient,
    /// Authors of messages; they never change.
    authors: Cache<(Uuid, Num), Num>,
    /// Who has replied in a thread.
    threads: Cache<(Uuid, Num), Arc<Mutex<BTreeSet<Num>>>>,
}

impl Subjects {
    pub fn new(message: MessageClient) -> Self {
        Self {
            message,
            authors: Cache::builder().max_capacity(AUTHORS).build(),
            threads: Cache::builder().max_capacity(THREADS).time_to_live(KEPT).build(),
        }
    }

    /// Facts have been consumed elsewhere.
    pub fn forget_threads(&self) {
        self.threads.invalidate_all();
    }

    /// The authors of messages; unknown messages are left out.
    pub async fn authors(&self, app: Uuid, messages: BTreeSet<Num>) -> Result<HashMap<Num, Num>> {
        let (mut found, mut unknown) = (HashMap::new(), Vec::new());
        for message in messages {
            match self.authors.get(&(app, message)) {
                Some(author) => {
                    found.insert(message, author);
                }
                None => unknown.push(message),
            }
        }
        let context = Context::new(Caller::service(app));
        for nums in unknown.chunks(MESSAGES) {
            let messages = nums.iter().map(|num| MessageRef { r#ref: Some(Ref::Num(*num)) }).collect();
            let request = context.request(GetMessagesRequest { messages, channel_num: 0 });
            for message in self.message.clone().get_messages(request).await?.into_inner().messages {
                self.authors.insert((app, message.num), message.author_num);
                found.insert(message.num, message.author_num);
            }
        }
        Ok(found)
    }

    /// Who takes part in the threads of these replies, by parent.
    pub async fn participants(&self, app: Uuid, replies: Vec<Reply>) -> Result<HashMap<Num, BTreeSet<Num>>> {
        let mut unknown = HashMap::new();
        for reply in &replies {
            match self.threads.get(&(app, reply.parent)) {
                Some(known) => {
                    known.lock().insert(reply.author);
                }
                None => {
                    unknown.insert(reply.parent, *reply);
                }
            }
        }
        let loaded: Vec<(Num, BTreeSet<Num>)> = futures_util::stream::iter(unknown.into_values())
            .map(|reply| self.load(app, reply))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (parent, participants) in loaded {
            self.threads.insert((app, parent), Arc::new(Mutex::new(participants)));
        }
        let of = |reply: Reply| {
            let known = self.threads.get(&(app, reply.parent));
            (reply.parent, known.map(|known| known.lock().clone()).unwrap_or_default())
        };
        Ok(replies.into_iter().map(of).collect())
    }

    /// Asked for whoever replied, since he may read the thread. If he may not any more, nobody is known.
    async fn load(&self, app: Uuid, reply: Reply) -> Result<(Num, BTreeSet<Num>)> {
        let context = Context::new(Caller::user(app, reply.author));
        let parent = Some(MessageRef { r#ref: Some(Ref::Num(reply.parent)) });
        let request = ListThreadParticipantsRequest { channel_num: reply.channel, parent };
        match self.message.clone().list_thread_participants(context.request(request)).await {
            Ok(answer) => {
                let participants = answer.into_inner().participants;
                Ok((reply.parent, participants.into_iter().map(|one| one.user_num).collect()))
            }
            Err(status) => match Error::from(status) {
                error
                    if matches!(
                        error.reason,
                        Reason::NotAMember | Reason::ChannelNotFound | Reason::MessageNotFound
                    ) =>
                {
                    Ok((reply.parent, BTreeSet::new()))
                }
                error => Err(error),
            },
        }
    }
}
