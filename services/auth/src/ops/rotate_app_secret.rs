//! Gives an app new secrets and believes tokens of those before for an overlap.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{RotateAppSecretRequest, RotateAppSecretResponse};
use parlance_rpc::Context;

use crate::domain::{input, keys};
use crate::store::apps;
use crate::{Auth, apps as app_keys};

/// APP_NOT_FOUND if there is no such app. Both secrets are new: that of access tokens, which is answered,
/// and that of realtime tokens, which nobody outside knows. Refresh tokens are not signed and stay good.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: RotateAppSecretRequest,
) -> Result<RotateAppSecretResponse> {
    context.caller.require_service()?;
    let app = context.caller.app;
    let until = auth.clock.now() + input::overlap(request.overlap_s)?;
    let (secret, connection_secret) = (keys::generate()?, keys::generate()?);

    let write = auth.store.begin().await?;
    let row = apps::lock(&write, app)
        .await?
        .ok_or_else(|| Error::new(Reason::AppNotFound, "there is no such app"))?;
    // What is sealed knows its column, so the one before is sealed anew for its new place.
    let moved = |column: &str, sealed: &[u8]| {
        auth.secrets.seal(app, &app_keys::previous(column), &auth.secrets.open(app, column, sealed)?)
    };
    let rotated = apps::Rotated {
        access_secret: auth.secrets.seal(app, app_keys::ACCESS, secret.as_bytes())?,
        connection_secret: auth.secrets.seal(app, app_keys::CONNECTION, connection_secret.as_bytes())?,
        previous_access_secret: moved(app_keys::ACCESS, &row.access_secret)?,
        previous_connection_secret: moved(app_keys::CONNECTION, &row.connection_secret)?,
        previous_until: until,
    };
    apps::rotate(&write, app, rotated).await?;
    let _committed = write.commit().await?;
    app_keys::forget(auth, app).await;

    Ok(RotateAppSecretResponse { secret, expire_at: Some(until.timestamp()) })
}
