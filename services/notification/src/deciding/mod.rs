//! Decides what is due: takes pending rows, asks the other services about all of them together, and writes
//! deliveries for what is to be told.

mod blocks;
mod look;
mod troubled;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use parlance_core::{Micros, Num, Result, id};
use parlance_sql::retrying;
use tokio::time::Instant;
use uuid::Uuid;

use self::troubled::Troubled;
use crate::domain::decide::{self, Facts, Recipient, Told};
use crate::domain::drops::Drop;
use crate::domain::event::Kind;
use crate::domain::notice::Notice;
use crate::domain::preferences::Preferences;
use crate::domain::text::{self, Said};
use crate::outgoing::Outgoing;
use crate::service::Service;
use crate::store::deliveries::{self, Delivery};
use crate::store::devices::{self, Device};
use crate::store::pending::{self, Pair, Pending};
use crate::store::preferences;

/// Rows of one batch.
const BATCH: u32 = 200;
/// Time for which a batch is kept from others: longer than `BEGIN` and `LIMIT` together.
const LEASE: Duration = Duration::from_secs(30);
/// Time in which an app's part of a batch is begun; what is not is left.
const BEGIN: Duration = Duration::from_secs(10);
/// Time for deciding about one app's part.
const LIMIT: Duration = Duration::from_secs(12);
/// How long nothing is decided where the store fails.
const PAUSE: Duration = Duration::from_secs(1);
/// Apps that are decided about at once.
const AT_ONCE: usize = 8;
/// The table is looked at this often even if nothing rang.
const LOOK: Duration = Duration::from_millis(200);

/// Decides until the service stops.
pub async fn run(service: Arc<Service>) {
    let mut troubled = Troubled::default();
    loop {
        match batch(&service, &mut troubled).await {
            Ok(0) => {}
            Ok(_) if !service.stop.is_cancelled() => continue,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "nothing can be decided for now");
                tokio::select! {
                    () = service.stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.decider.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// What was decided about some rows.
#[derive(Default)]
struct Decided {
    ids: Vec<Num>,
    /// With the row that each comes from.
    deliveries: Vec<(Num, Delivery)>,
    /// Nothing is sent to these.
    silent: Vec<Pair>,
}

/// An app's part of a batch.
struct Part {
    app: Uuid,
    rows: Vec<Pending>,
    /// Rows that are too many for now.
    spare: Vec<Num>,
}

impl Part {
    /// Which rows are left out is left to chance, so that one about which nothing can be decided is no
    /// hindrance to all others.
    fn new(app: Uuid, mut rows: Vec<Pending>, most: usize) -> Self {
        let mut spare = Vec::new();
        if rows.len() > most {
            let first = rand::random_range(0..rows.len());
            rows.rotate_left(first);
            spare = rows.split_off(most).iter().map(|row| row.id).collect();
        }
        Self { app, rows, spare }
    }
}

/// What became of a part; `None` = it was not begun.
struct End {
    app: Uuid,
    ids: Vec<Num>,
    spare: Vec<Num>,
    decided: Option<Result<Decided>>,
}

/// Decides about one batch; gives how many rows it had.
async fn batch(service: &Arc<Service>, troubled: &mut Troubled) -> Result<usize> {
    let now = service.now();
    let resting = troubled.resting(now);
    if !pending::any_due(service.store.read(), now, &resting).await? {
        return Ok(0);
    }
    let claim = Uuid::new_v4().to_string();
    let window = now + service.settings.collapse_window();
    // A claim that a crash of the machine undoes does no harm.
    let rows = retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        let rows = pending::claim(write.connection(), BATCH, &claim, now, now + LEASE, &resting).await?;
        let pairs = rows.iter().map(Pair::of).collect();
        pending::open_windows(write.connection(), pairs, window).await?;
        drop(write.commit().await?);
        Ok(rows)
    });
    let rows = rows.await?;
    let count = rows.len();
    let mut by_app: BTreeMap<Uuid, Vec<Pending>> = BTreeMap::new();
    for row in rows {
        by_app.entry(row.app).or_default().push(row);
    }
    let parts: Vec<Part> = by_app
        .into_iter()
        .map(|(app, rows)| Part::new(app, rows, troubled.most(app, BATCH as usize)))
        .collect();
    let begun = Instant::now();
    let ends: Vec<End> = futures_util::stream::iter(parts)
        .map(|Part { app, rows, spare }| async move {
            let ids = rows.iter().map(|row| row.id).collect();
            if begun.elapsed() > BEGIN {
                return End { app, ids, spare, decided: None };
            }
            let decided = parlance_sql::within(LIMIT, of_app(service, app, rows, now)).await;
            End { app, ids, spare, decided: Some(decided) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;

    // Rows that are left, until when.
    let (mut all, mut left) = (Decided::default(), Vec::<(Vec<Num>, Micros)>::new());
    let now = service.now();
    for End { app, mut ids, spare, decided } in ends {
        match decided {
            Some(Ok(part)) => {
                troubled.succeeded(app);
                left.push((spare, now));
                all.ids.extend(part.ids);
                all.deliveries.extend(part.deliveries);
                all.silent.extend(part.silent);
            }
            Some(Err(error)) => {
                tracing::warn!(%app, %error, rows = ids.len(), "notifications cannot be decided for now");
                ids.extend(spare);
                left.push((ids, troubled.failed(app, now)));
            }
            None => {
                ids.extend(spare);
                left.push((ids, now));
            }
        }
    }
    let has_deliveries = !all.deliveries.is_empty();
    retrying(|| async {
        let write = service.store.begin_relaxed().await?;
        let held = pending::remove(write.connection(), &claim, &all.ids).await?;
        let held: HashSet<Num> = held.into_iter().collect();
        for (ids, until) in &left {
            pending::leave(write.connection(), &claim, ids, *until).await?;
        }
        pending::close_windows(write.connection(), all.silent.clone(), window).await?;
        // Whoever has taken over a row that was held for too long tells of it.
        let own = all.deliveries.iter().filter(|(source, _)| held.contains(source));
        deliveries::insert(write.connection(), own.map(|(_, delivery)| delivery.clone()).collect()).await?;
        drop(write.commit().await?);
        Ok(())
    })
    .await?;
    if has_deliveries {
        service.sender.notify_one();
    }
    Ok(count)
}

/// Decides about rows of one app: first by what costs little, then by what the other services say.
async fn of_app(service: &Service, app: Uuid, rows: Vec<Pending>, now: Micros) -> Result<Decided> {
    let mut decided = Decided { ids: rows.iter().map(|row| row.id).collect(), ..Decided::default() };
    let mut users: Vec<Num> = rows.iter().map(|row| row.user_num).collect();
    users.sort_unstable();
    users.dedup();
    let kinds = service.providers.of(app).await?;
    let (owned, preferences, online) = tokio::try_join!(
        devices::of_users(service.store.read(), app, users.clone()),
        preferences::of_users(service.store.read(), app, users.clone()),
        look::online(service, app, users),
    )?;
    let mut of_user: HashMap<Num, Vec<Device>> = HashMap::new();
    for device in owned {
        of_user.entry(device.user_num).or_default().push(device);
    }
    let preferences: HashMap<Num, Preferences> = preferences.into_iter().collect();
    let usual = Preferences::default();

    let mut open: Vec<(Pending, Vec<Kind>)> = Vec::new();
    for row in rows {
        let recipient = Recipient {
            preferences: preferences.get(&row.user_num).unwrap_or(&usual),
            is_online: online.contains(&row.user_num),
            can_be_reached: of_user.contains_key(&row.user_num),
        };
        match decide::wanted(&row, &recipient, &service.settings, now) {
            Ok(wanted) => open.push((row, wanted)),
            Err(drop) => decided.silence(&row, drop),
        }
    }
    if open.is_empty() {
        return Ok(decided);
    }

    let seen = look::around(service, app, &open).await?;
    for (row, wanted) in &open {
        let facts = Facts {
            is_live: seen.user(row.user_num).is_some(),
            standing: seen.standing(row),
            messages: &seen.messages,
            blocked: &seen.blocked,
        };
        let told = match decide::choose(row, wanted, &facts) {
            Ok(told) => told,
            Err(drop) => {
                decided.silence(row, drop);
                continue;
            }
        };
        let outgoing = Outgoing {
            app,
            user: row.user_num,
            kind: told.kind,
            channel: row.channel_num,
            message: told.message.map_or(0, |message| message.num),
            source: row.id,
            happened_at: Micros(row.first_at),
            notice: notice(row, &told, &seen),
        };
        let own = of_user.get(&row.user_num).map_or(&[][..], Vec::as_slice);
        let made = outgoing.deliveries(&kinds, own, &service.settings, now)?;
        if made.is_empty() {
            decided.silent.push(Pair::of(row));
        } else {
            Drop::Collapsed.count(row.events().saturating_sub(1));
        }
        decided.deliveries.extend(made.into_iter().map(|delivery| (row.id, delivery)));
    }
    Ok(decided)
}

impl Decided {
    fn silence(&mut self, row: &Pending, why: Drop) {
        why.count(row.events());
        self.silent.push(Pair::of(row));
    }
}

/// What is shown, and what a client opens.
fn notice(row: &Pending, told: &Told<'_>, seen: &look::Seen) -> Notice {
    let channel = seen.channels.get(&row.channel_num);
    let actor = seen.name(told.actor);
    let said = Said {
        kind: told.kind,
        actor: &actor,
        channel: channel.map_or("", |channel| channel.name.as_str()),
        is_direct: channel.is_some_and(|channel| !channel.direct_member_nums.is_empty()),
        message: told.message,
        emoji: &row.reaction_type,
        count: told.count,
    };
    let (title, body) = text::words(&said);
    let channel_id = channel.map_or_else(|| id::text_of(row.channel_num), |channel| channel.id.clone());
    let mut data: Vec<(&str, String)> =
        vec![("type", told.kind.as_str().to_owned()), ("channelId", channel_id.clone())];
    if let Some(channel) = channel {
        data.push(("channelType", channel.r#type.clone()));
    }
    if let Some(message) = told.message {
        data.push(("messageId", message.id.clone()));
        if message.parent_num != 0 {
            data.push(("parentId", message.parent_id.clone()));
        }
    }
    if let Some(user) = seen.user(told.actor) {
        data.push(("userId", user.id.clone()));
    }
    if told.kind == Kind::Reaction {
        data.push(("reaction", row.reaction_type.clone()));
    }
    let shows_message = told.count == 1 && told.kind != Kind::Reaction;
    Notice {
        user_id: seen.user(row.user_num).map(|user| user.id.clone()).unwrap_or_default(),
        title,
        body,
        image: told.message.filter(|_| shows_message).and_then(text::picture),
        data: data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        collapse_key: id::text_of(row.channel_num),
        badge: Some(seen.unread_total(row.user_num)),
    }
}
