use std::collections::HashMap;

use parlance_core::{Error, Reason, Result};
use parlance_sql::{Store, store_error};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict};
use uuid::Uuid;

use super::channel_type;
use crate::domain::channel_type::{ChannelType, Joiners, Readers, seeds};

/// An app's channel types.
#[derive(Debug, Clone)]
pub struct Types(HashMap<String, ChannelType>);

impl Types {
    /// CHANNEL_TYPE_UNKNOWN if the app has no such type.
    pub fn named(&self, name: &str) -> Result<&ChannelType> {
        self.0
            .get(name)
            .ok_or_else(|| Error::new(Reason::ChannelTypeUnknown, "this app has no such channel type"))
    }

    /// The type of a channel that exists.
    pub fn of(&self, channel: &super::channel::Model) -> Result<&ChannelType> {
        self.0.get(&channel.type_name).ok_or_else(|| {
            Error::internal(format!("channel {} has the unknown type {}", channel.num, channel.type_name))
        })
    }
}

/// The app's types; the first question seeds them.
pub async fn load(store: &Store, app: Uuid) -> Result<Types> {
    let types = read(store, app).await?;
    if !types.0.is_empty() {
        return Ok(types);
    }
    let rows = seeds().into_iter().map(|seed| active_model(app, seed)).collect::<Result<Vec<_>>>()?;
    let write = store.begin().await?;
    channel_type::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write.connection())
        .await
        .map_err(store_error)?;
    drop(write.commit().await?);
    read(store, app).await
}

async fn read(store: &Store, app: Uuid) -> Result<Types> {
    let rows = channel_type::Entity::find()
        .filter(channel_type::Column::App.eq(app))
        .all(store.read())
        .await
        .map_err(store_error)?;
    let types = rows.into_iter().map(domain_type).map(|t| t.map(|t| (t.name.clone(), t)));
    Ok(Types(types.collect::<Result<_>>()?))
}

fn domain_type(row: channel_type::Model) -> Result<ChannelType> {
    Ok(ChannelType {
        features: serde_json::from_str(&row.features).map_err(Error::internal)?,
        grants: serde_json::from_str(&row.grants).map_err(Error::internal)?,
        readers: Readers::parse(&row.readers).ok_or_else(|| Error::internal("unknown readers of a type"))?,
        joiners: Joiners::parse(&row.joiners).ok_or_else(|| Error::internal("unknown joiners of a type"))?,
        direct: row.direct,
        name: row.name,
    })
}

fn active_model(app: Uuid, seed: ChannelType) -> Result<channel_type::ActiveModel> {
    Ok(channel_type::ActiveModel {
        app: Set(app),
        features: Set(serde_json::to_string(&seed.features).map_err(Error::internal)?),
        grants: Set(serde_json::to_string(&seed.grants).map_err(Error::internal)?),
        readers: Set(seed.readers.as_str().to_owned()),
        joiners: Set(seed.joiners.as_str().to_owned()),
        direct: Set(seed.direct),
        name: Set(seed.name),
    })
}
