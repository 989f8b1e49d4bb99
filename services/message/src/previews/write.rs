use std::collections::HashMap;

use parlance_core::{Micros, Result};
use parlance_proto::event::{MessageUpdated, event::Payload};
use parlance_sql::retrying;
use uuid::Uuid;

use super::resolve::Resolved;
use crate::channel_write::event_of;
use crate::commit::Announcement;
use crate::service::Service;
use crate::store::heads::{self, Head};
use crate::store::{batch, chat, entries, messages, previews};

/// Writes what was found together with the events that tell of it, one transaction an app.
pub async fn write(service: &Service, done: Vec<Resolved>) -> Result<()> {
    let mut by_app: HashMap<Uuid, Vec<Resolved>> = HashMap::new();
    for one in done {
        by_app.entry(one.job.app).or_default().push(one);
    }
    for (app, done) in by_app {
        retrying(|| write_once(service, app, &done)).await?;
    }
    Ok(())
}

async fn write_once(service: &Service, app: Uuid, done: &[Resolved]) -> Result<()> {
    let now = service.now();
    let write = service.store.begin().await?;
    let connection = write.connection();
    let mut streams: Vec<i64> = done.iter().map(|one| chat(one.job.channel_num)).collect();
    streams.sort_unstable();
    streams.dedup();
    let mut heads = heads::lock(connection, app, streams).await?;
    let rows = messages::by_nums(connection, app, done.iter().map(|one| one.job.num).collect()).await?;

    let (mut events, mut log, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for one in done {
        let Some(row) = rows.iter().find(|row| row.num == one.job.num) else { continue };
        // An edit has made a new job of it, a deletion none; or it took so long that another has it.
        if row.preview_due != Some(one.job.preview_due) {
            continue;
        }
        let found = previews::encode(one.previews.clone());
        previews::save(connection, app, row.num, found.clone(), one.due, one.tries).await?;
        let Some(head) = heads.get_mut(&chat(row.channel_num)) else { continue };
        if found != row.previews {
            let payload = MessageUpdated { message_num: row.num, ..Default::default() };
            let (event, entry) = tell(service, head, Payload::MessageUpdated(payload), now);
            events.push(event);
            log.push(entry);
            changed.push(head.stream);
        }
    }
    batch::insert_entries(connection, log).await.map_err(parlance_sql::store_error)?;
    let changed = heads.values().filter(|head| changed.contains(&head.stream)).collect();
    batch::save_heads(connection, changed).await.map_err(parlance_sql::store_error)?;
    let committed = write.commit().await?;
    service.announcer.announce(committed, Announcement { app, events, ..Default::default() });
    Ok(())
}

/// An event of the system, at the next place of a channel's stream.
fn tell(
    service: &Service,
    head: &mut Head,
    payload: Payload,
    now: Micros,
) -> (parlance_proto::event::Event, batch::EntryRow) {
    let mut event = event_of(payload, 0, now, "");
    event.policy_version = head.policy_version;
    let entry = entries::next(head, &mut event, &service.epoch, now);
    (event, entry)
}
