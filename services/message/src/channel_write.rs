//! A change in one channel: its row is locked, permissions are current, and the events of the change
//! are appended to the channel's stream in the same transaction.

use std::sync::Arc;

use parlance_core::{Error, Micros, Num, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{Event, event::Payload};
use parlance_proto::message::MessageRef;
use parlance_rpc::Context;
use parlance_sql::Write;
use parlance_telemetry::trace::{self, Kind};
use sea_orm::DatabaseTransaction;

use crate::access::Decision;
use crate::commit::Announcement;
use crate::service::Service;
use crate::store::rows::MessageRow;
use crate::store::{chat, entries, heads, heads::Head, messages};

/// Times that a permission is asked for again because the policy changed meanwhile.
const ATTEMPTS: usize = 5;

/// An open change. Dropped without `finish`, nothing happened.
pub struct ChannelWrite {
    write: Write,
    pub head: Head,
    pub decision: Arc<Decision>,
    pub now: Micros,
    actor: Num,
    trace: String,
    events: Vec<Event>,
}

impl ChannelWrite {
    /// Locks the channel for a change that needs the right to `action`.
    pub async fn open(service: &Service, context: &Context, channel: Num, action: Action) -> Result<Self> {
        let actor = context.caller.require_user()?;
        service.announcer.require_room()?;
        let mut min_version = 0;
        for _ in 0..ATTEMPTS {
            let decision = service.access.require(context, channel, action, false, min_version).await?;
            let write = service.store.begin().await?;
            let stream = chat(channel);
            let locked = heads::lock(write.connection(), context.caller.app, vec![stream]).await?;
            match locked.into_iter().next() {
                Some((_, head)) if head.policy_version <= decision.policy_version => {
                    return Ok(Self {
                        write,
                        head,
                        decision,
                        now: service.now(),
                        actor,
                        trace: context.trace.clone(),
                        events: Vec::new(),
                    });
                }
                Some((_, head)) => min_version = head.policy_version,
                None => {
                    // The channel exists, its creation has not reached this service yet.
                    drop(write);
                    crate::consumers::channel::catch_up(service, context).await?;
                }
            }
        }
        Err(Error::unavailable("the channel's policy keeps changing"))
    }

    pub fn connection(&self) -> &DatabaseTransaction {
        self.write.connection()
    }

    /// The live message of this channel that a reference names.
    pub async fn message(&self, reference: Option<&MessageRef>) -> Result<MessageRow> {
        let row = self.message_or_tombstone(reference).await?;
        match row.deleted_at {
            None => Ok(row),
            Some(_) => Err(not_found()),
        }
    }

    /// The same, or what is left of a deleted one.
    pub async fn message_or_tombstone(&self, reference: Option<&MessageRef>) -> Result<MessageRow> {
        let reference = reference.ok_or_else(|| Error::invalid("message", "is required"))?;
        messages::find(self.connection(), self.head.app, reference)
            .await?
            .filter(|row| row.channel_num == self.head.stream)
            .ok_or_else(not_found)
    }

    /// Appends an event to the channel's stream.
    pub async fn append(&mut self, service: &Service, payload: Payload) -> Result<()> {
        let mut event = event_of(payload, self.actor, self.now, &self.trace);
        event.policy_version = self.head.policy_version;
        entries::append(self.write.connection(), &mut self.head, &mut event, &service.epoch, self.now)
            .await?;
        self.events.push(event);
        Ok(())
    }

    /// Commits, and tells those who listen now.
    pub async fn finish(self, service: &Service) -> Result<()> {
        let step = trace::start_for_many(Kind::Internal, "commit", [self.trace.as_str()]);
        heads::save(self.write.connection(), &self.head).await?;
        let app = self.head.app;
        let committed = self.write.commit().await?;
        let trace = step.map(|step| step.traceparent().to_owned()).unwrap_or_default();
        service
            .announcer
            .announce(committed, Announcement { app, events: self.events, trace, ..Default::default() });
        Ok(())
    }
}

/// An event of this service, without its place in a stream.
pub fn event_of(payload: Payload, actor: Num, at: Micros, trace: &str) -> Event {
    Event {
        actor_num: actor,
        occurred_at: Some(at.timestamp()),
        origin: "message".to_owned(),
        trace: trace.to_owned(),
        payload: Some(payload),
        ..Default::default()
    }
}

pub fn not_found() -> Error {
    Error::new(Reason::MessageNotFound, "no such message in this channel")
}
