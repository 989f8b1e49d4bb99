//! Accounts that are gone.

use std::sync::Arc;
use std::time::Duration;

use parlance_consumer::{Consumer, Missed, Step};
use parlance_core::{Error, Num, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_proto::notification::ProviderKind;
use uuid::Uuid;

use super::{app_of, nobody};
use crate::domain::notice::{FAREWELL, Notice, delivery_id};
use crate::service::Service;
use crate::store::deliveries::{Delivery, WAITING};
use crate::store::{deliveries, devices, pending, preferences};

pub struct Accounts {
    service: Arc<Service>,
}

impl Accounts {
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl Consumer for Accounts {
    const SERVICE: &'static str = "notification";
    const LOG: &'static str = "auth";

    async fn read(&self, request: ReadLogRequest) -> Result<ReadLogResponse> {
        Ok(self.service.auth.clone().read_log(nobody().request(request)).await?.into_inner())
    }

    /// Of a user who is deleted nothing stays: neither devices and preferences nor what was to be told.
    async fn apply(&self, step: &Step) -> Result<(), Missed> {
        let mut gone = Vec::new();
        for entry in step.entries() {
            let payload = entry.event.as_ref().and_then(|event| event.payload.as_ref());
            if let (Some(Payload::UserDeleted(deleted)), Some(app)) = (payload, app_of(entry)?) {
                gone.push((app, deleted.user_num));
            }
        }
        let mut farewells = Vec::new();
        for (app, user) in &gone {
            farewells.extend(self.farewell(*app, *user).await?);
        }
        let turn = step.begin_relaxed().await?;
        let connection = turn.write().connection();
        for (app, user) in gone {
            devices::remove_all(connection, app, user).await?;
            preferences::remove(connection, app, user).await?;
            pending::remove_of_user(connection, app, user).await?;
            deliveries::remove_of_user(connection, app, user).await?;
        }
        deliveries::insert(connection, farewells).await?;
        drop(turn.finish().await?.commit().await?);
        self.service.sender.notify_one();
        Ok(())
    }
}

impl Accounts {
    /// What has Novu forget a user whose devices it was told of.
    async fn farewell(&self, app: Uuid, user: Num) -> Result<Option<Delivery>> {
        let kinds = self.service.providers.of(app).await?;
        if kinds.enabled(ProviderKind::Novu).is_none() {
            return Ok(None);
        }
        let devices = devices::list(self.service.store.read(), app, user).await?;
        let Some(device) = devices.into_iter().next() else { return Ok(None) };
        let now = self.service.now();
        Ok(Some(Delivery {
            id: delivery_id(user, device.num),
            app,
            provider: ProviderKind::Novu as i16,
            user_num: user,
            device_num: 0,
            event: FAREWELL.to_owned(),
            channel_num: 0,
            message_num: 0,
            payload: serde_json::to_string(&Notice::of(device.user_id)).map_err(Error::internal)?,
            state: WAITING,
            attempts: 0,
            due_at: now.0,
            happened_at: now.0,
            created_at: now.0,
            expires_at: (now + Duration::from_secs(self.service.settings.expire_s)).0,
            receipt: String::new(),
            error: String::new(),
            died_at: None,
        }))
    }
}
