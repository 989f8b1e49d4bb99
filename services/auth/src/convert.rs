//! Rows to protobuf and back.

use parlance_core::{Error, Micros, Result};
use parlance_proto::auth::{ApiKeyKind, App, TokenKind, User};

use crate::domain::{api_key, claims};
use crate::store::{apps, users};

pub fn app(row: apps::Model) -> App {
    App { id: row.id.to_string(), name: row.name, created_at: Some(Micros(row.created_at).timestamp()) }
}

pub fn user(row: users::Model) -> User {
    let at = |micros: Option<i64>| micros.map(|micros| Micros(micros).timestamp());
    User {
        num: row.num,
        id: row.id,
        app_id: row.app.to_string(),
        kind: i32::from(row.kind),
        name: row.name,
        email: row.email,
        image: row.image,
        role: row.role,
        // Only this service writes the column.
        teams: serde_json::from_str(&row.teams).unwrap_or_default(),
        custom: row.custom,
        created_at: at(Some(row.created_at)),
        updated_at: at(Some(row.updated_at)),
        deactivated_at: at(row.deactivated_at),
        deleted_at: at(row.deleted_at),
        last_active_at: at(row.last_active_at),
    }
}

pub fn api_key_kind(kind: i16) -> Result<ApiKeyKind> {
    match api_key::Kind::of(kind) {
        Some(api_key::Kind::Secret) => Ok(ApiKeyKind::Secret),
        Some(api_key::Kind::Public) => Ok(ApiKeyKind::Public),
        None => Err(Error::internal("an API key of unknown kind")),
    }
}

pub fn token_kind(kind: TokenKind) -> Result<claims::Kind> {
    match kind {
        TokenKind::Access => Ok(claims::Kind::Access),
        TokenKind::Connection => Ok(claims::Kind::Connection),
        TokenKind::Subscription => Ok(claims::Kind::Subscription),
        TokenKind::Unspecified => Err(Error::invalid("kind", "must be given")),
    }
}
