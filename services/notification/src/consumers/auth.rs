//! Accounts that are gone.

use std::sync::Arc;

use parlance_consumer::{Consumer, Missed, Step};
use parlance_core::Result;
use parlance_proto::event::event::Payload;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};

use super::{app_of, nobody};
use crate::service::Service;
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
        let turn = step.begin().await?;
        let connection = turn.write().connection();
        for (app, user) in gone {
            devices::remove_all(connection, app, user).await?;
            preferences::remove(connection, app, user).await?;
            pending::remove_of_user(connection, app, user).await?;
            deliveries::remove_of_user(connection, app, user).await?;
        }
        drop(turn.finish().await?.commit().await?);
        Ok(())
    }
}
