//! Clients before, during and after a fault, and the verdict on what they saw.

use std::time::{Duration, Instant};

use parlance_integration_tests::checker::{Evidence, Stored, judge};
use parlance_integration_tests::traffic::{Follower, Refusal, Senders, Sent};

use crate::prelude::*;
use crate::realtime::storm::stored;

/// Sends a second, of everybody in all channels together.
const RATE: f64 = 40.0;
const USERS: usize = 4;
const CHANNELS: usize = 3;
/// Time before a fault, and after its healing.
const STEADY: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(4);
/// Live delivery has to be whole again within this time of healing.
const CONVERGED_WITHIN: Duration = Duration::from_secs(10);
/// A connection that is silent for this long is given up by its client (the server pings every second).
const SILENCE: Duration = Duration::from_secs(4);

/// An installation, and people who all send into all channels and follow all of them.
pub struct Scene {
    pub server: Harness,
    users: Vec<User>,
    pub channels: Vec<String>,
    /// Those of each channel.
    senders: Vec<Senders>,
    /// That of each user.
    pub followers: Vec<Follower>,
}

/// The verdict, as the table of faults shows it.
#[derive(Debug)]
pub struct Row {
    pub fault: String,
    /// In all channels.
    pub sent: Sent,
    /// Of each follower in each channel.
    pub evidence: Vec<Evidence>,
    pub unrecovered: usize,
    pub converged: Duration,
}

/// What became of a channel.
struct Outcome {
    channel: String,
    sent: Sent,
    stored: Vec<Stored>,
}

impl Scene {
    /// Settings under which clients notice a silent gateway soon.
    pub fn options() -> Options {
        Options::new().distributed().with("realtime.ping_interval_s", 1).with("realtime.pong_timeout_s", 2)
    }

    /// Starts everything and lets it run for a while.
    pub async fn start(options: Options) -> Self {
        Self::on(Harness::start_with(options).await).await
    }

    /// The same on an installation that runs already.
    pub async fn on(server: Harness) -> Self {
        let mut users = Vec::new();
        for index in 0..USERS {
            users.push(server.user(&format!("user-{index}")).await);
        }
        let members: Vec<&User> = users[1..].iter().collect();
        let mut channels = Vec::new();
        for index in 0..CHANNELS {
            channels.push(users[0].group(&format!("scene {index}"), &members).await);
        }
        let urls: Vec<String> = server
            .gateways()
            .iter()
            .map(|gateway| format!("ws://{}/connection/websocket", gateway.realtime))
            .collect();
        let mut followers = Vec::new();
        for (index, user) in users.iter().enumerate() {
            let mut followed: Vec<String> = channels.iter().map(|channel| user.chat(channel)).collect();
            followed.push(user.stream());
            followers.push(Follower::start(urls.clone(), index, user, followed, SILENCE).await);
        }
        let everybody: Vec<&User> = users.iter().collect();
        let rate = RATE / (USERS * CHANNELS) as f64;
        let senders = channels.iter().map(|channel| Senders::start(&everybody, channel, rate, "s")).collect();
        tokio::time::sleep(STEADY).await;
        Self { server, users, channels, senders, followers }
    }

    /// Time passes.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The fault is over since `healed`: waits until all is well again, and judges.
    pub async fn judge(mut self, fault: &str, healed: Instant) -> Row {
        tokio::time::sleep(AFTER).await;
        let mut outcomes = Vec::new();
        for (channel, senders) in self.channels.iter().zip(std::mem::take(&mut self.senders)) {
            let sent = senders.stop().await;
            outcomes.push(Outcome { channel: channel.clone(), sent, stored: Vec::new() });
        }
        for outcome in &mut outcomes {
            outcome.stored = stored(&self.users[0], &outcome.channel).await;
        }
        let deadline = Instant::now() + CONVERGED_WITHIN;
        while !self.has_everything(&outcomes) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }

        let mut row = Row {
            fault: fault.to_owned(),
            evidence: Vec::new(),
            unrecovered: 0,
            converged: Duration::ZERO,
            sent: Sent::default(),
        };
        for outcome in &outcomes {
            for (user, follower) in self.users.iter().zip(&self.followers) {
                let seen = follower.seen(&user.chat(&outcome.channel));
                row.unrecovered += seen.unrecovered;
                // The worst wait for what was acknowledged, counted from the healing at the earliest.
                for (acknowledged, at) in &outcome.sent.acknowledged {
                    let came = seen.messages.iter().find(|(received, _)| received.id == acknowledged.id);
                    let waited = came.map(|(_, came)| came.saturating_duration_since(healed.max(*at)));
                    row.converged = row.converged.max(waited.unwrap_or_default());
                }
                row.evidence.push(Evidence {
                    attempted: outcome.sent.attempted.clone(),
                    acknowledged: outcome.sent.acknowledged.iter().map(|(one, _)| one.clone()).collect(),
                    stored: outcome.stored.clone(),
                    received: Some(seen.messages.into_iter().map(|(received, _)| received).collect()),
                });
            }
        }
        for outcome in &mut outcomes {
            row.sent.join(std::mem::take(&mut outcome.sent));
        }
        // And the last refusal, if it came later.
        if let Some(last) = row.sent.refused.iter().map(|(at, _)| *at).max() {
            row.converged = row.converged.max(last.saturating_duration_since(healed));
        }
        println!("{row}");
        self.assert_counts(fault, &outcomes).await;
        for follower in self.followers {
            follower.stop().await;
        }
        row
    }

    /// Whether every follower has all messages of all channels, and was told the right counts last.
    fn has_everything(&self, outcomes: &[Outcome]) -> bool {
        let everybody = self.users.iter().zip(&self.followers).enumerate();
        everybody.into_iter().all(|(number, (user, follower))| {
            let told = follower.seen(&user.stream()).unread;
            outcomes.iter().all(|outcome| {
                let seen = follower.seen(&user.chat(&outcome.channel));
                seen.messages.len() >= outcome.stored.len()
                    && told.get(&outcome.channel) == Some(&outcome.unread_of(number))
            })
        })
    }

    /// Unread counts, asked for and pushed, equal a recount.
    async fn assert_counts(&self, fault: &str, outcomes: &[Outcome]) {
        for (number, (user, follower)) in self.users.iter().zip(&self.followers).enumerate() {
            let told = follower.seen(&user.stream());
            for outcome in outcomes {
                let recount = outcome.unread_of(number);
                let asked = user.unread(&outcome.channel).await;
                assert_eq!(asked, recount, "unread count of {} after {fault}", user.id);
                let pushed = told.unread.get(&outcome.channel).copied();
                assert_eq!(pushed, Some(recount), "pushed unread count of {} after {fault}", user.id);
            }
            let total: u64 = outcomes.iter().map(|outcome| outcome.unread_of(number)).sum();
            assert_eq!(told.total_unread, Some(total), "pushed total of {} after {fault}", user.id);
        }
    }
}

impl Outcome {
    /// A recount: nobody has read, so all that others have sent is unread (an own send moves the
    /// position only of someone who has nothing unread).
    fn unread_of(&self, user: usize) -> u64 {
        let own = format!("s-{user}-");
        self.stored.iter().filter(|one| !one.key.starts_with(&own)).count() as u64
    }
}

impl Row {
    /// Without the attempts that could not reach anybody: the network was down, not the service.
    pub fn forgive_unanswered(mut self) -> Self {
        self.sent.refused.retain(|(_, refusal)| *refusal != Refusal::Unanswered);
        self
    }

    /// Fails unless nothing was lost, doubled or disordered, refusals were clear, and it healed in time.
    #[track_caller]
    pub fn assert_good(&self) {
        for (follower, evidence) in self.evidence.iter().enumerate() {
            let faults = judge(evidence);
            assert!(
                faults.is_empty(),
                "{}: {} faults at follower {follower}, first: {:#?}",
                self.fault,
                faults.len(),
                &faults[..faults.len().min(10)]
            );
        }
        let unclear: Vec<_> = self
            .sent
            .refused
            .iter()
            .filter_map(|(_, refusal)| match refusal {
                Refusal::Unclear(what) => Some(what),
                Refusal::Unanswered => None,
                Refusal::Clear | Refusal::Broken => None,
            })
            .collect();
        assert!(
            unclear.is_empty(),
            "{}: {} unclear refusals: {:#?}",
            self.fault,
            unclear.len(),
            &unclear[..unclear.len().min(5)]
        );
        let unanswered = self.sent.refused.iter().filter(|(_, one)| *one == Refusal::Unanswered).count();
        assert_eq!(unanswered, 0, "{}: {unanswered} attempts without an answer within 15 s", self.fault);
        assert_eq!(self.unrecovered, 0, "{}: positions that were not recovered", self.fault);
        assert!(
            self.converged < CONVERGED_WITHIN,
            "{}: whole again only after {:?}",
            self.fault,
            self.converged
        );
        assert!(self.sent.acknowledged.len() > 50, "{}: too few sends to tell", self.fault);
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use parlance_integration_tests::checker::Fault;
        let faults: Vec<Fault> = self.evidence.iter().flat_map(judge).collect();
        let count = |is: fn(&Fault) -> bool| faults.iter().filter(|fault| is(fault)).count();
        let lost = count(|fault| matches!(fault, Fault::Lost { .. } | Fault::NotReceived { .. }));
        let doubled = count(|fault| matches!(fault, Fault::StoredTwice { .. } | Fault::ReceivedTwice { .. }));
        let refused = |kind: &Refusal| self.sent.refused.iter().filter(|(_, one)| one == kind).count();
        write!(
            f,
            "fault | {} | acknowledged {} (repeats {}) | 503 {} | broken {} | lost {lost} | duplicated {doubled} | \
             other {} | converged {:.1} s",
            self.fault,
            self.sent.acknowledged.len(),
            self.sent.repeated,
            refused(&Refusal::Clear),
            refused(&Refusal::Broken),
            faults.len() - lost - doubled,
            self.converged.as_secs_f64(),
        )
    }
}
