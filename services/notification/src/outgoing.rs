//! From a notification to the rows of the queue.

use std::time::Duration;

use parlance_core::{Error, Micros, Num, Result};
use parlance_proto::notification::ProviderKind;
use uuid::Uuid;

use crate::Settings;
use crate::app_providers::Kinds;
use crate::convert;
use crate::domain::drops::Drop;
use crate::domain::event::Kind;
use crate::domain::notice::{Notice, delivery_id};
use crate::store::deliveries::{Delivery, WAITING};
use crate::store::devices::Device;

/// Notification to one user.
pub struct Outgoing {
    pub app: Uuid,
    pub user: Num,
    pub kind: Kind,
    pub channel: Num,
    pub message: Num,
    /// What its deliveries' ids are made from.
    pub source: Num,
    pub happened_at: Micros,
    pub notice: Notice,
}

impl Outgoing {
    /// One delivery for each device that somebody delivers to. Novu knows people: it gets one for all of
    /// the user's devices that it hands on to. What has no push service is counted as dropped.
    pub fn deliveries(
        &self,
        kinds: &Kinds,
        devices: &[Device],
        settings: &Settings,
        now: Micros,
    ) -> Result<Vec<Delivery>> {
        let payload = serde_json::to_string(&self.notice).map_err(Error::internal)?;
        let mut missing = 0;
        let mut places: Vec<(ProviderKind, Num)> = Vec::new();
        for device in devices {
            match kinds.for_device(convert::stored_kind(device.provider)) {
                Some(ProviderKind::Novu) => {
                    if !places.contains(&(ProviderKind::Novu, 0)) {
                        places.push((ProviderKind::Novu, 0));
                    }
                }
                Some(kind) => places.push((kind, device.num)),
                None => missing += 1,
            }
        }
        if places.is_empty() && missing == 0 {
            Drop::NoDevice.count(1);
        }
        Drop::ProviderMissing.count(missing);
        let expires_at = now + Duration::from_secs(settings.expire_s);
        let delivery = |(provider, device): (ProviderKind, Num)| Delivery {
            id: delivery_id(self.source, device),
            app: self.app,
            provider: provider as i16,
            user_num: self.user,
            device_num: device,
            event: self.kind.as_str().to_owned(),
            channel_num: self.channel,
            message_num: self.message,
            payload: payload.clone(),
            state: WAITING,
            attempts: 0,
            due_at: now.0,
            happened_at: self.happened_at.0,
            created_at: now.0,
            expires_at: expires_at.0,
            receipt: String::new(),
            error: String::new(),
            died_at: None,
        };
        Ok(places.into_iter().map(delivery).collect())
    }
}
