//! One database a service.

use anyhow::Context as _;
use parlance_sql::{Settings, Store};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::role::Role;

/// The stores of the services that have one and run in this process.
#[derive(Clone, Default)]
pub(crate) struct Stores {
    pub(crate) auth: Option<Store>,
    pub(crate) channel: Option<Store>,
    pub(crate) message: Option<Store>,
    pub(crate) link_preview: Option<Store>,
    pub(crate) notification: Option<Store>,
}

impl Stores {
    /// Opens those of `role`. Without a data folder all are on PostgreSQL.
    pub(crate) async fn open(config: &Config, data: Option<&DataDir>, role: Role) -> anyhow::Result<Self> {
        let open = async |service: Role| match role.runs(service) {
            true => open(service, config, data).await.map(Some),
            false => Ok(None),
        };
        Ok(Self {
            auth: open(Role::Auth).await?,
            channel: open(Role::Channel).await?,
            message: open(Role::Message).await?,
            link_preview: open(Role::LinkPreview).await?,
            notification: open(Role::Notification).await?,
        })
    }

    /// Brings all tables up to date.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        if let Some(store) = &self.auth {
            parlance_auth::migrate(store).await.context("the tables of auth")?;
        }
        if let Some(store) = &self.channel {
            parlance_channel::migrate(store).await.context("the tables of channel")?;
        }
        if let Some(store) = &self.message {
            parlance_message::migrate(store).await.context("the tables of message")?;
        }
        if let Some(store) = &self.link_preview {
            parlance_link_preview::migrate(store).await.context("the tables of link-preview")?;
        }
        if let Some(store) = &self.notification {
            parlance_notification::migrate(store).await.context("the tables of notification")?;
        }
        Ok(())
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &Store)> {
        let all = [
            (Role::Auth, &self.auth),
            (Role::LinkPreview, &self.link_preview),
            (Role::Channel, &self.channel),
            (Role::Message, &self.message),
            (Role::Notification, &self.notification),
        ];
        all.into_iter().filter_map(|(role, store)| Some((role.name(), store.as_ref()?)))
    }

    pub(crate) async fn close(self) {
        let stores = [self.notification, self.message, self.channel, self.link_preview, self.auth];
        for store in stores.into_iter().flatten() {
            store.close().await;
        }
    }
}

/// The store of the auth service alone, its tables ready: for the tools that manage apps.
pub(crate) async fn open_auth(config: &Config, data: Option<&DataDir>) -> anyhow::Result<Store> {
    let store = open(Role::Auth, config, data).await?;
    if config.database.migrate {
        parlance_auth::migrate(&store).await.context("the tables of auth")?;
    }
    Ok(store)
}

async fn open(service: Role, config: &Config, data: Option<&DataDir>) -> anyhow::Result<Store> {
    let settings = match (config.database_url(service), data) {
        (Some(url), _) => Settings::Postgres {
            url: url.to_owned(),
            schema: format!("parlance_{}", service.key()),
            max_connections: config.database.max_connections,
        },
        (None, Some(data)) => Settings::File(data.file(&format!("{}.db", service.key()))),
        (None, None) => anyhow::bail!("the store of {service} needs `database.url` or a data folder"),
    };
    Store::open(&settings).await.with_context(|| format!("open the store of {service}"))
}
