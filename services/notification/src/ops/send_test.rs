use std::collections::BTreeMap;

use parlance_core::Result;
use parlance_proto::notification::{SendTestRequest, SendTestResponse};
use parlance_rpc::Context;

use super::user_id;
use crate::domain::event::Kind;
use crate::domain::notice::Notice;
use crate::outgoing::Outgoing;
use crate::service::Service;
use crate::store::{deliveries, devices};

/// Queues a notification to all devices of the caller, whatever he wants to be told and whether he is
/// online.
pub async fn send_test(service: &Service, context: &Context, _: SendTestRequest) -> Result<SendTestResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let user_id = user_id(service, context, user).await?;
    let kinds = service.providers.of(app).await?;
    let own = devices::list(service.store.read(), app, user).await?;
    let now = service.now();
    let outgoing = Outgoing {
        app,
        user,
        kind: Kind::Test,
        channel: 0,
        message: 0,
        // A num that no pending row has.
        source: service.nums.next(now),
        happened_at: now,
        notice: Notice {
            user_id,
            title: "Test notification".to_owned(),
            body: "Notifications reach this device.".to_owned(),
            image: None,
            data: BTreeMap::from([("type".to_owned(), Kind::Test.as_str().to_owned())]),
            collapse_key: "test".to_owned(),
            badge: None,
        },
    };
    let rows = outgoing.deliveries(&kinds, &own, &service.settings, now)?;
    if rows.is_empty() {
        return Ok(SendTestResponse::default());
    }
    let write = service.store.begin().await?;
    let queued = deliveries::insert(write.connection(), rows).await?;
    drop(write.commit().await?);
    service.sender.notify_one();
    Ok(SendTestResponse { queued: queued as u32 })
}
