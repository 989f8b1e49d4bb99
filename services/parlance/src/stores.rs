//! One database a service.

use anyhow::Context as _;
use parlance_config::Secret;
use parlance_sql::{Settings, Store};

use crate::config::Config;
use crate::data_dir::DataDir;

/// The stores of the services that have one.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) auth: Store,
    pub(crate) channel: Store,
    pub(crate) message: Store,
}

impl Stores {
    pub(crate) async fn open(config: &Config, data: &DataDir) -> anyhow::Result<Self> {
        let services = &config.services;
        Ok(Self {
            auth: open("auth", &services.auth.database.url, config, data).await?,
            channel: open("channel", &services.channel.database.url, config, data).await?,
            message: open("message", &services.message.database.url, config, data).await?,
        })
    }

    /// Brings all tables up to date.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        parlance_auth::migrate(&self.auth).await.context("the tables of auth")?;
        parlance_channel::migrate(&self.channel).await.context("the tables of channel")?;
        parlance_message::migrate(&self.message).await.context("the tables of message")
    }

    pub(crate) fn named(&self) -> [(&'static str, &Store); 3] {
        [("auth", &self.auth), ("channel", &self.channel), ("message", &self.message)]
    }

    pub(crate) async fn close(self) {
        self.message.close().await;
        self.channel.close().await;
        self.auth.close().await;
    }
}

/// The store of the auth service alone, migrated: for the tools that manage apps.
pub(crate) async fn open_auth(config: &Config, data: &DataDir) -> anyhow::Result<Store> {
    let store = open("auth", &config.services.auth.database.url, config, data).await?;
    parlance_auth::migrate(&store).await.context("the tables of auth")?;
    Ok(store)
}

async fn open(service: &str, own: &Secret, config: &Config, data: &DataDir) -> anyhow::Result<Store> {
    let settings = match own.expose().or(config.database.url.expose()) {
        Some(url) => Settings::Postgres {
            url: url.to_owned(),
            schema: format!("parlance_{service}"),
            max_connections: config.database.max_connections,
        },
        None => Settings::File(data.file(&format!("{service}.db"))),
    };
    Store::open(&settings).await.with_context(|| format!("open the store of {service}"))
}
