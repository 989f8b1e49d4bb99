//! Presence of many processes, in Redis or Valkey.
//!
//! Signs are changed by scripts, each atomic; what follows from them is judged here, by the same rules
//! as in memory, and written under the condition that nothing has changed since. So of several replicas
//! exactly one gives out a piece of news, and a replica that dies between the two steps leaves the user
//! due for the next sweep.

mod convert;
mod scripts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use parlance_core::{Error, Micros, Num, Result};
use parlance_redis::{Cmd, FromRedisValue, Redis, Script, answer, cmd};
use uuid::Uuid;

use self::convert::{Record, RecordFields, SignFields};
use self::scripts::Scripts;
use super::{ConnectionChange, GATEWAY_SILENCE, News, PresenceStore, Report, Sign, Totals, Typist, User};
use crate::domain::online::{Signs, Verdict, judge, last_seen};
use crate::domain::typing::{Change, Typing};

/// Longest time that a call waits for Redis.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long keys outlive their last change, should nobody sweep: longer than users are remembered.
const LIFE: Duration = Duration::from_secs(48 * 3600);
/// How long typing outlives its last change, should nobody sweep.
const TYPING_LIFE: Duration = Duration::from_secs(60);
/// A connected user is looked at again after this time, so that his key lives on.
const KEEP_ALIVE: Duration = Duration::from_secs(12 * 3600);
/// Users, connections or typists handled by one script.
const BATCH: usize = 500;
/// Batches of one sweep; what is left waits for the next.
const ROUNDS: usize = 200;
/// Attempts to write somebody's typing while others do as well.
const ATTEMPTS: usize = 8;

/// Keeps presence under `{<prefix>:presence}`; what stands in braces keeps all of it in one slot of a
/// cluster, since gateways, users and what is due change together.
#[derive(Debug)]
pub struct RedisStore {
    redis: Redis,
    base: String,
    scripts: Scripts,
    /// Gateways are judged by the callers' time, not by the server's: a test's clock.
    callers_clock: bool,
}

impl RedisStore {
    pub fn new(redis: Redis) -> Self {
        let base = format!("{{{}:presence}}", redis.prefix());
        Self { redis, base, scripts: Scripts::new(), callers_clock: false }
    }

    /// Lets a test move the time of gateways as well.
    #[cfg(test)]
    pub(super) fn on_callers_clock(mut self) -> Self {
        self.callers_clock = true;
        self
    }

    /// The time of gateways' signs as the scripts take it: empty = that of the server. Each replica has a
    /// clock of its own, and one that is ahead must not take all gateways for silent.
    fn gateway_time(&self, now: Micros) -> String {
        if self.callers_clock { now.0.to_string() } else { String::new() }
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        now: Micros,
        life: Duration,
        args: impl IntoIterator<Item = String>,
    ) -> Result<T> {
        let mut all = vec![now.0.to_string(), life.as_millis().to_string()];
        all.extend(args);
        in_time(self.redis.script(script, &[&self.base], &all)).await
    }

    async fn send(&self, commands: &[Cmd]) -> Result<Vec<parlance_redis::Value>> {
        in_time(self.redis.run(&self.base, commands)).await
    }

    /// Follows the verdict on each user until it is settled; the news that are ours to tell.
    async fn settle(&self, records: Vec<RecordFields>, now: Micros) -> Result<Vec<News>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = Vec::with_capacity(records.len() * 4);
        let mut outcomes = Vec::with_capacity(records.len());
        for fields in records {
            let Record { user, signs, mut announced, version } = convert::record(fields)?;
            let mut news = None;
            let again = loop {
                match judge(&signs, announced, now) {
                    Verdict::Announce { online } => {
                        announced = online;
                        news = Some(News { user, online, last_seen: last_seen(&signs, now) });
                    }
                    Verdict::Settled { look_again } => break Some(look_again.unwrap_or(now + KEEP_ALIVE)),
                    Verdict::Forget => break None,
                }
            };
            let again = again.map(|at| at.0.to_string()).unwrap_or_default();
            args.extend([convert::user(user), version, u8::from(announced).to_string(), again]);
            outcomes.push(news);
        }
        let settled: Vec<bool> = self.run(&self.scripts.settle, now, LIFE, args).await?;
        Ok(outcomes.into_iter().zip(settled).filter_map(|(news, settled)| news.filter(|_| settled)).collect())
    }

    /// Changes somebody's typing by `change`, whoever else does so at the same time.
    async fn change_typing(
        &self,
        typist: Typist,
        now: Micros,
        change: impl Fn(&mut Typing) -> Option<Change>,
    ) -> Result<Option<Change>> {
        let mut known = String::new();
        for _ in 0..ATTEMPTS {
            let mut typing = convert::read_typing(&known)?;
            let news = change(&mut typing);
            let args = typing_args(&typist, known, &typing, now);
            let outcomes: Vec<(bool, String)> =
                self.run(&self.scripts.typing, now, TYPING_LIFE, args).await?;
            match outcomes.into_iter().next() {
                Some((false, current)) => known = current,
                _ => return Ok(news),
            }
        }
        Err(Error::unavailable("too many change this at once"))
    }
}

fn typing_args(typist: &Typist, known: String, typing: &Typing, now: Micros) -> [String; 4] {
    let new = if typing.is_over(now) { String::new() } else { convert::typing(typing) };
    [convert::typist(typist), known, new, typing.look_again().0.to_string()]
}

async fn in_time<T>(asking: impl Future<Output = Result<T>>) -> Result<T> {
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.unwrap_or_else(|_| Err(Error::unavailable("Redis is too slow")))
}

#[async_trait]
impl PresenceStore for RedisStore {
    async fn report(&self, gateway: &str, changes: Vec<ConnectionChange>, now: Micros) -> Result<Report> {
        let mut args = Vec::with_capacity(2 + changes.len() * 3);
        args.extend([gateway.to_owned(), self.gateway_time(now)]);
        for ConnectionChange { user, connection, opened } in changes {
            args.extend([u8::from(opened).to_string(), connection, convert::user(user)]);
        }
        let (known, records) = self.run(&self.scripts.report, now, LIFE, args).await?;
        // Applied already: should settling fail, the next sweep tells the news. To report the same again
        // would change nothing.
        let news = match self.settle(records, now).await {
            Ok(news) => news,
            Err(error) => {
                tracing::debug!(%error, "changed connections are left to the next sweep");
                Vec::new()
            }
        };
        Ok(Report { known, news })
    }

    async fn renew(&self, gateway: &str, now: Micros) -> Result<bool> {
        self.run(&self.scripts.renew, now, LIFE, [gateway.to_owned(), self.gateway_time(now)]).await
    }

    async fn record(&self, user: User, sign: Sign, now: Micros) -> Result<Vec<News>> {
        let field = match sign {
            Sign::Active => "active",
            Sign::Offline => "offline",
        };
        let args = [convert::user(user), field.to_owned()];
        let records = self.run(&self.scripts.sign, now, LIFE, args).await?;
        self.settle(records, now).await
    }

    async fn look(&self, app: Uuid, nums: &[Num]) -> Result<Vec<Signs>> {
        let ask = |&num: &Num| {
            let mut ask = cmd("HMGET");
            ask.arg(format!("{}:user:{}", self.base, convert::user(User { app, num })));
            ask.arg(&["connections", "active", "closed", "offline"]);
            ask
        };
        let commands: Vec<Cmd> = nums.iter().map(ask).collect();
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.send(&commands).await?;
        answers.into_iter().map(|one| answer::<SignFields>(one).map(convert::signs)).collect()
    }

    async fn sweep(&self, now: Micros) -> Result<Vec<News>> {
        let mut news = Vec::new();
        for _ in 0..ROUNDS {
            let silence = GATEWAY_SILENCE.as_micros().to_string();
            let args = [self.gateway_time(now), silence, BATCH.to_string()];
            let records: Vec<RecordFields> = self.run(&self.scripts.silent, now, LIFE, args).await?;
            if records.is_empty() {
                break;
            }
            news.extend(self.settle(records, now).await?);
        }
        for _ in 0..ROUNDS {
            let records: Vec<RecordFields> =
                self.run(&self.scripts.due, now, LIFE, [BATCH.to_string()]).await?;
            if records.is_empty() {
                break;
            }
            news.extend(self.settle(records, now).await?);
        }
        Ok(news)
    }

    async fn take_active(&self, limit: usize) -> Result<Vec<(User, Micros)>> {
        let mut take = cmd("ZPOPMIN");
        take.arg(format!("{}:active", self.base)).arg(limit);
        let answers = self.send(&[take]).await?;
        let taken: Vec<(String, f64)> =
            answer(answers.into_iter().next().unwrap_or(parlance_redis::Value::Nil))?;
        taken.into_iter().map(|(user, at)| Ok((convert::read_user(&user)?, Micros(at as i64)))).collect()
    }

    async fn hear_typing(&self, typist: Typist, now: Micros) -> Result<Option<Change>> {
        self.change_typing(typist, now, |typing| typing.hear(now)).await
    }

    async fn stop_typing(&self, typist: Typist, now: Micros) -> Result<Option<Change>> {
        self.change_typing(typist, now, Typing::stop).await
    }

    async fn sweep_typing(&self, now: Micros) -> Result<Vec<(Typist, Change)>> {
        let mut changes = Vec::new();
        for _ in 0..ROUNDS {
            let due: Vec<(String, String)> =
                self.run(&self.scripts.typists, now, TYPING_LIFE, [BATCH.to_string()]).await?;
            if due.is_empty() {
                break;
            }
            let mut args = Vec::with_capacity(due.len() * 4);
            let mut checked = Vec::with_capacity(due.len());
            for (typist, known) in due {
                let typist = convert::read_typist(&typist)?;
                let mut typing = convert::read_typing(&known)?;
                checked.push((typist, typing.check(now)));
                args.extend(typing_args(&typist, known, &typing, now));
            }
            let outcomes: Vec<(bool, String)> =
                self.run(&self.scripts.typing, now, TYPING_LIFE, args).await?;
            // What somebody else has changed meanwhile he has told as well.
            let ours = checked.into_iter().zip(outcomes).filter(|(_, (written, _))| *written);
            changes.extend(ours.filter_map(|((typist, change), _)| Some((typist, change?))));
        }
        Ok(changes)
    }

    async fn totals(&self) -> Result<Totals> {
        let now = Micros::default();
        let (users, connections, typing) = self.run(&self.scripts.totals, now, LIFE, []).await?;
        Ok(Totals { users, connections, typing })
    }
}
