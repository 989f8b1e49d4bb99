use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{
    Event, ReadMoved, ReadReceipt, Stream, UnreadChanged, event::Payload, stream::Kind,
};
use parlance_proto::message::{MarkReadRequest, MarkReadResponse};
use parlance_rpc::Context;

use crate::channel_write::{ChannelWrite, event_of};
use crate::commit::Announcement;
use crate::domain::draft;
use crate::service::Service;
use crate::store::{messages, positions};

/// Moves the caller's read position forward, and tells what remains unread.
pub async fn mark_read(
    service: &Service,
    context: &Context,
    request: MarkReadRequest,
) -> Result<MarkReadResponse> {
    let user = context.caller.require_user()?;
    let channel = request.channel_num;
    let mut write = ChannelWrite::open(service, context, channel, Action::MarkRead).await?;
    let app = write.head.app;
    let position = positions::lock(write.connection(), app, channel, user)
        .await?
        .ok_or_else(|| Error::new(Reason::NotAMember, "only members have a read position"))?;

    let (mut seq, mut counted) = (write.head.last_seq, write.head.counted);
    let mut target = None;
    if let Some(reference) = draft::given(request.up_to.as_ref()) {
        let row = write.message_or_tombstone(Some(reference)).await?;
        (seq, counted) = (row.seq, row.running);
        target = Some(row);
    }
    let moved = seq > position.last_seq;
    if moved {
        let marks = positions::with_mark(position.marks()?, seq, write.now);
        positions::advance(write.connection(), app, channel, user, seq, counted, marks).await?;
    }
    let seq = seq.max(position.last_seq);
    let newest = messages::newest_at(write.connection(), app, channel, seq).await?;
    let unread = positions::unread_in(write.connection(), app, user, vec![channel]).await?;
    let unread = unread.first().map_or(0, |row| row.unread.max(0)) as u64;

    if moved && told_to_everybody(service, &write) {
        let moved = ReadMoved {
            user_num: user,
            last_read_seq: seq as u64,
            last_read_message_num: newest.as_ref().map_or(0, |row| row.num),
        };
        write.append(service, Payload::ReadMoved(moved)).await?;
        if let (true, Some(row)) = (request.receipt, &target) {
            let receipt = ReadReceipt {
                user_num: user,
                message_num: row.num,
                message_id: row.public_id(),
                read_at: Some(write.now.timestamp()),
            };
            write.append(service, Payload::ReadReceipt(receipt)).await?;
        }
    }
    let own = UnreadChanged {
        channel_num: channel,
        unread,
        last_read_seq: seq as u64,
        as_of_offset: write.head.last_offset as u64,
        muted: position.muted,
    };
    let now = write.now;
    if moved {
        write.finish(service).await?;
    } else {
        drop(write);
    }
    tell_own_devices(service, context, user, own, now);
    Ok(MarkReadResponse {
        last_read_seq: seq as u64,
        last_read_message_id: newest.map(|row| row.public_id()).unwrap_or_default(),
        unread,
    })
}

/// Rule 11: state events go to everybody only in small channels that want them.
fn told_to_everybody(service: &Service, write: &ChannelWrite) -> bool {
    write.decision.read_events()
        && write.head.member_count <= i64::from(service.settings.state_events_max_members)
}

/// The reader's own gateways learn his new count; ephemeral, since they ask again when they subscribe.
fn tell_own_devices(
    service: &Service,
    context: &Context,
    user: Num,
    unread: UnreadChanged,
    now: parlance_core::Micros,
) {
    let event = Event {
        id: uuid::Uuid::new_v4().to_string(),
        app_id: context.caller.app.to_string(),
        stream: Some(Stream { kind: Kind::User.into(), num: user }),
        ..event_of(Payload::UnreadChanged(unread), user, now, &context.trace)
    };
    service.announcer.announce_uncommitted(Announcement {
        app: context.caller.app,
        events: vec![event],
        ..Default::default()
    });
}
