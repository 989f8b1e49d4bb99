//! Creates an app with a first secret API key.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{App, CreateAppRequest, CreateAppResponse};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::domain::{api_key, input, keys};
use crate::store::{api_keys, apps};
use crate::{Auth, apps as app_keys};

/// Key and secret are answered here and never again. ALREADY_EXISTS if a given id or key is taken;
/// NOT_EMPTY if `only_if_empty` and there is an app.
pub async fn run(auth: &Auth, context: &Context, request: CreateAppRequest) -> Result<CreateAppResponse> {
    context.caller.require_service()?;
    let name = request.name.trim().to_owned();
    input::name(&name)?;
    let id = chosen_or("id", &request.id, Uuid::now_v7)?;
    let chosen = |field: &str, text: &str| match text {
        "" => Ok(None),
        _ => input::chosen_secret(field, text).map(|()| Some(text.to_owned())),
    };
    let api_key = match chosen("api_key", &request.api_key)? {
        Some(key) => key,
        None => api_key::generate(api_key::Kind::Secret)?,
    };
    let (secret, connection_secret) = match chosen("secret", &request.secret)? {
        Some(secret) => {
            let connection = keys::connection_secret_of(&secret);
            (secret, connection)
        }
        None => (keys::generate()?, keys::generate()?),
    };
    let now = auth.clock.now();
    let app = apps::NewApp {
        num: auth.nums.next(now),
        id,
        name: name.clone(),
        access_secret: auth.secrets.seal(id, app_keys::ACCESS, secret.as_bytes())?,
        connection_secret: auth.secrets.seal(id, app_keys::CONNECTION, connection_secret.as_bytes())?,
        created_at: now,
    };

    let write = auth.store.begin().await?;
    if request.only_if_empty && apps::any(&write).await? {
        return Err(Error::new(Reason::NotEmpty, "there is an app already"));
    }
    let taken = |what: &str| Error::new(Reason::AlreadyExists, format!("an app with this {what} exists"));
    if !apps::insert(&write, app).await? {
        return Err(taken("id"));
    }
    let (hash, key_id) = (api_key::hash(&api_key), api_key::generate_name()?);
    if !api_keys::insert(&write, id, hash, api_key::Kind::Secret, key_id, now).await? {
        return Err(taken("API key"));
    }
    let _committed = write.commit().await?;

    let app = App { id: id.to_string(), name, created_at: Some(now.timestamp()) };
    Ok(CreateAppResponse { app: Some(app), api_key, secret })
}

fn chosen_or(field: &str, text: &str, otherwise: impl FnOnce() -> Uuid) -> Result<Uuid> {
    if text.is_empty() {
        return Ok(otherwise());
    }
    match Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() => Ok(id),
        _ => Err(Error::invalid(field, "must be a UUID")),
    }
}
