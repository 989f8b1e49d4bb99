//! One try at one delivery: what goes out, and what follows from the answers.

use std::time::Duration;

use parlance_core::{Error, Micros, Result};

use crate::Settings;
use crate::convert;
use crate::domain::backoff;
use crate::domain::notice::{FAREWELL, Notice};
use crate::providers::{Outcome, Push, Target, WebPushKeys, Why};
use crate::store::deliveries::{DEAD, Delivery, Settled, TAKEN, WAITING};
use crate::store::devices::Device;

/// A claimed delivery with the devices that it goes to.
pub struct Attempt {
    pub row: Delivery,
    pub devices: Vec<Device>,
}

impl Attempt {
    /// Not a notification: a user is gone, and the push service that keeps people is to forget him.
    pub fn is_farewell(&self) -> bool {
        self.row.event == FAREWELL
    }

    /// The recipient's public id.
    pub fn user_id(&self) -> Result<String> {
        Ok(self.notice()?.user_id)
    }

    fn notice(&self) -> Result<Notice> {
        serde_json::from_str(&self.row.payload)
            .map_err(|_| Error::internal("a queued notification does not read"))
    }

    /// What the push service is given: one push for each device, all of them with the delivery's id.
    pub fn pushes(&self) -> Result<Vec<(Push, Target)>> {
        let notice = self.notice()?;
        let push = Push {
            id: self.row.id,
            app: self.row.app,
            user_id: notice.user_id,
            title: notice.title,
            body: notice.body,
            image: notice.image,
            data: notice.data,
            collapse_key: notice.collapse_key,
            badge: notice.badge,
            expires_at: Micros(self.row.expires_at),
        };
        Ok(self.devices.iter().map(|device| (push.clone(), target(device))).collect())
    }

    /// What becomes of the delivery, by one outcome for each device.
    pub fn conclude(&self, outcomes: &[Outcome], settings: &Settings, now: Micros) -> Conclusion {
        let dead = self.devices.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_dead());
        let dead_devices = dead.map(|(device, _)| device.clone()).collect();
        // Any device that was reached is enough: what is tried again goes to all of them.
        let end = outcomes.iter().max_by_key(|outcome| weight(outcome));
        let end = match end {
            None => End::Lost,
            Some(Outcome::Taken { receipt: None }) => End::Taken,
            Some(Outcome::Taken { receipt: Some(receipt) }) => {
                let ask_at = now + Duration::from_secs(settings.receipt_after_s);
                End::AskLater(self.settled(
                    TAKEN,
                    self.row.attempts + 1,
                    ask_at,
                    receipt.clone(),
                    String::new(),
                ))
            }
            Some(Outcome::TokenDead | Outcome::NoToken) => End::Lost,
            Some(Outcome::Later { after, why }) => self.later(*after, why, settings, now),
            Some(Outcome::Refused { why }) => self.refused(why, now),
        };
        Conclusion { end, dead_devices }
    }

    /// It is tried again, unless that was the last time.
    fn later(&self, after: Option<Duration>, why: &Why, settings: &Settings, now: Micros) -> End {
        let attempts = self.row.attempts + 1;
        let pause = backoff::pause(attempts.max(1) as u32, rand::random()).max(after.unwrap_or_default());
        let due_at = now + pause;
        if attempts.max(0) as u32 >= settings.max_attempts || due_at.0 >= self.row.expires_at {
            return self.given_up(attempts, why, now);
        }
        let settled = self.settled(WAITING, attempts, due_at, String::new(), said(why));
        End::Later(settled, why.label)
    }

    fn refused(&self, why: &Why, now: Micros) -> End {
        self.given_up(self.row.attempts + 1, why, now)
    }

    fn given_up(&self, attempts: i32, why: &Why, now: Micros) -> End {
        let settled =
            Settled { died_at: Some(now), ..self.settled(DEAD, attempts, now, String::new(), said(why)) };
        End::GivenUp(settled, why.label)
    }

    /// It was not tried, and is not before an instant.
    pub fn put_off(&self, due_at: Micros) -> Settled {
        self.settled(WAITING, self.row.attempts, due_at, String::new(), self.row.error.clone())
    }

    fn settled(&self, state: i16, attempts: i32, due_at: Micros, receipt: String, error: String) -> Settled {
        Settled { id: self.row.id, state, attempts, due_at, receipt, error, died_at: None }
    }
}

/// What becomes of a delivery.
pub struct Conclusion {
    pub end: End,
    /// Devices whose tokens are dead.
    pub dead_devices: Vec<Device>,
}

pub enum End {
    /// It was taken, and is forgotten.
    Taken,
    /// It was taken; a receipt tells whether it arrived.
    AskLater(Settled),
    /// There is nothing left to send it to.
    Lost,
    /// It is tried again; why.
    Later(Settled, &'static str),
    /// It is a dead letter; why.
    GivenUp(Settled, &'static str),
}

/// Which of several outcomes stands for the delivery: the best one.
fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::TokenDead | Outcome::NoToken => 0,
        Outcome::Refused { .. } => 1,
        Outcome::Later { .. } => 2,
        Outcome::Taken { .. } => 3,
    }
}

fn said(why: &Why) -> String {
    if why.detail.is_empty() { why.label.to_owned() } else { format!("{}: {}", why.label, why.detail) }
}

fn target(device: &Device) -> Target {
    let keys = match (&device.p256dh, &device.auth) {
        (Some(p256dh), Some(auth)) => Some(WebPushKeys { p256dh: p256dh.clone(), auth: auth.clone() }),
        _ => None,
    };
    let channel = convert::kind_name(convert::stored_kind(device.provider));
    Target { token: device.token.clone(), keys, channel }
}
