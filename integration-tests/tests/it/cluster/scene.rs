//! Clients before, during and after a fault, and the verdict on what they saw.

use std::time::{Duration, Instant};

use parlance_integration_tests::checker::{Evidence, judge};
use parlance_integration_tests::traffic::{Follower, Refusal, Senders, Sent};

use crate::prelude::*;
use crate::realtime::storm::stored;

/// Sends a second, of all senders together.
const RATE: f64 = 40.0;
const SENDERS: usize = 4;
const FOLLOWERS: usize = 4;
/// Time before a fault, and after its healing.
const STEADY: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(4);
/// Live delivery has to be whole again within this time of healing.
const CONVERGED_WITHIN: Duration = Duration::from_secs(10);
/// A connection that is silent for this long is given up by its client (the server pings every second).
const SILENCE: Duration = Duration::from_secs(4);

/// An installation with a channel, senders and followers.
pub struct Scene {
    pub server: Harness,
    users: Vec<User>,
    pub channel: String,
    senders: Senders,
    pub followers: Vec<Follower>,
}

/// The verdict, as the table of faults shows it.
#[derive(Debug)]
pub struct Row {
    pub fault: String,
    pub sent: Sent,
    pub evidence: Vec<Evidence>,
    pub unrecovered: usize,
    pub converged: Duration,
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
        for index in 0..SENDERS.max(FOLLOWERS) {
            users.push(server.user(&format!("user-{index}")).await);
        }
        let members: Vec<&User> = users[1..].iter().collect();
        let channel = users[0].group("scene", &members).await;
        let urls: Vec<String> = server
            .gateways()
            .iter()
            .map(|gateway| format!("ws://{}/connection/websocket", gateway.realtime))
            .collect();
        let mut followers = Vec::new();
        for (index, user) in users.iter().take(FOLLOWERS).enumerate() {
            let chat = vec![user.chat(&channel)];
            followers.push(Follower::start(urls.clone(), index, user, chat, SILENCE).await);
        }
        let senders: Vec<&User> = users.iter().take(SENDERS).collect();
        let senders = Senders::start(&senders, &channel, RATE / SENDERS as f64, "s");
        tokio::time::sleep(STEADY).await;
        Self { server, users, channel, senders, followers }
    }

    /// Time passes.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The fault is over since `healed`: waits until all is well again, and judges.
    pub async fn judge(self, fault: &str, healed: Instant) -> Row {
        tokio::time::sleep(AFTER).await;
        let sent = self.senders.stop().await;
        let all = stored(&self.users[0], &self.channel).await;
        let chat = self.users[0].chat(&self.channel);
        let whole = || self.followers.iter().all(|follower| follower.seen(&chat).messages.len() >= all.len());
        let deadline = Instant::now() + CONVERGED_WITHIN;
        while !whole() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }

        let mut row = Row {
            fault: fault.to_owned(),
            evidence: Vec::new(),
            unrecovered: 0,
            converged: Duration::ZERO,
            sent,
        };
        for follower in &self.followers {
            let seen = follower.seen(&chat);
            row.unrecovered += seen.unrecovered;
            // The worst wait for a message that was acknowledged, counted from the healing at the earliest.
            for (acknowledged, at) in &row.sent.acknowledged {
                let came = seen.messages.iter().find(|(received, _)| received.id == acknowledged.id);
                let waited = came.map(|(_, came)| came.saturating_duration_since(healed.max(*at)));
                row.converged = row.converged.max(waited.unwrap_or_default());
            }
            row.evidence.push(Evidence {
                attempted: row.sent.attempted.clone(),
                acknowledged: row.sent.acknowledged.iter().map(|(one, _)| one.clone()).collect(),
                stored: all.clone(),
                received: Some(seen.messages.into_iter().map(|(received, _)| received).collect()),
            });
        }
        // And the last refusal, if it came later.
        if let Some((last, _)) = row.sent.refused.last() {
            row.converged = row.converged.max(last.saturating_duration_since(healed));
        }
        // Nobody has read, so all that others have sent is unread (an own send moves the position only
        // of someone who has nothing unread).
        for (number, user) in self.users.iter().enumerate() {
            let own = format!("s-{number}-");
            let counted = all.iter().filter(|one| !one.key.starts_with(&own)).count() as u64;
            assert_eq!(user.unread(&self.channel).await, counted, "unread of {} after {fault}", user.id);
        }
        println!("{row}");
        for follower in self.followers {
            follower.stop().await;
        }
        row
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
