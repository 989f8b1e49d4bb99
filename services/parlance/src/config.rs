//! The settings of the program: each section belongs to the crate that reads it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use parlance_config::{Merged, Secret, Sources};
use parlance_gateway::config::{ChatSdkSettings, GatewaySettings, RateLimitSettings, RealtimeSettings};
use parlance_rpc::Address;
use serde::{Deserialize, Deserializer};

use crate::role::Role;

/// The commented reference: every setting and its default.
pub const REFERENCE: &str = include_str!("defaults.toml");

/// Settings that are never printed.
pub const SECRETS: &[&str] = &[
    "grpc.secret",
    "grpc.previous_secret",
    "auth.master_key",
    "database.url",
    "redis.url",
    "services.auth.database.url",
    "services.channel.database.url",
    "services.message.database.url",
    "services.link_preview.database.url",
    "services.notification.database.url",
];

/// Shortest `grpc.secret`.
const MIN_SECRET: usize = 16;

/// All settings, read and checked.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    pub data_dir: PathBuf,
    pub production: bool,
    /// `--dev`: the development app is made whatever the listeners are bound to.
    #[serde(skip)]
    pub dev: bool,
    pub gateway: Gateway,
    pub realtime: RealtimeSettings,
    pub dialects: Dialects,
    pub rate_limits: RateLimitSettings,
    pub grpc: Grpc,
    pub ops: Ops,
    pub auth: Auth,
    pub message: parlance_message::Settings,
    pub link_preview: parlance_link_preview::Settings,
    pub notification: parlance_notification::Settings,
    pub database: Database,
    pub redis: Redis,
    pub services: Services,
    pub log: parlance_telemetry::Settings,
    pub telemetry: parlance_telemetry::TelemetrySettings,
}

/// Section `[gateway]`: the gateway's own settings, and how long its end may take.
#[derive(Debug, Clone, Deserialize)]
pub struct Gateway {
    pub drain_s: u64,
    #[serde(flatten)]
    pub own: GatewaySettings,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dialects {
    pub chatsdk: ChatSdkSettings,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Grpc {
    pub listen: String,
    pub secret: Secret,
    pub previous_secret: Secret,
    pub max_message_bytes: usize,
    pub max_in_flight: usize,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Ops {
    pub listen: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Auth {
    pub master_key: Secret,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    pub url: Secret,
    pub max_connections: u32,
    pub migrate: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Redis {
    pub url: Secret,
    pub prefix: String,
}

/// What differs from service to service.
#[derive(Debug, Clone, Deserialize)]
pub struct Services {
    pub auth: Service,
    pub link_preview: Service,
    pub channel: Service,
    pub presence: ServiceWithoutDatabase,
    pub message: Service,
    pub notification: Service,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<Address>,
    pub database: ServiceDatabase,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ServiceWithoutDatabase {
    #[serde(deserialize_with = "addresses")]
    pub addresses: Vec<Address>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ServiceDatabase {
    pub url: Secret,
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

impl Config {
    /// Reads the sources over the reference and checks what no type can say.
    pub fn load(sources: &Sources) -> anyhow::Result<Self> {
        Self::read(&Merged::load(REFERENCE, sources)?)
    }

    /// Reads settings that are already merged.
    pub fn read(merged: &Merged) -> anyhow::Result<Self> {
        let config: Self = merged.read()?;
        for (name, address) in config.listeners() {
            address.with_context(|| format!("setting `{name}` must be an address like 127.0.0.1:5501"))?;
        }
        if let Some(secret) = config.grpc.secret.expose() {
            ensure!(
                secret.len() >= MIN_SECRET,
                "setting `grpc.secret` must have {MIN_SECRET} characters or more"
            );
        }
        ensure!(
            (1..=128).contains(&config.message.max_batch),
            "setting `message.max_batch` must be 1 to 128"
        );
        config.telemetry.check()?;
        Ok(config)
    }

    /// The listeners that are set, by setting.
    pub(crate) fn listeners(&self) -> Vec<(&'static str, Result<SocketAddr, std::net::AddrParseError>)> {
        let mut listeners = vec![("gateway.listen", self.gateway.own.listen.parse())];
        for (name, text) in [
            ("gateway.realtime_listen", &self.gateway.own.realtime_listen),
            ("grpc.listen", &self.grpc.listen),
            ("ops.listen", &self.ops.listen),
        ] {
            if !text.is_empty() {
                listeners.push((name, text.parse()));
            }
        }
        listeners
    }

    /// Whether nobody but this machine can reach us.
    pub fn is_on_loopback(&self) -> bool {
        self.listeners().iter().all(|(_, address)| address.as_ref().is_ok_and(|a| a.ip().is_loopback()))
    }

    /// Whether the development app may be made and used: nobody but this machine can reach us, or `--dev` was
    /// asked for; never in production.
    pub fn is_development(&self) -> bool {
        !self.production && (self.dev || self.is_on_loopback())
    }

    /// Where the replicas of a service answer.
    pub fn addresses(&self, service: Role) -> &[Address] {
        match service {
            Role::Auth => &self.services.auth.addresses,
            Role::LinkPreview => &self.services.link_preview.addresses,
            Role::Channel => &self.services.channel.addresses,
            Role::Presence => &self.services.presence.addresses,
            Role::Message => &self.services.message.addresses,
            Role::Notification => &self.services.notification.addresses,
            Role::All | Role::Gateway => &[],
        }
    }

    /// The PostgreSQL of a service; `None` = a file in the data folder.
    pub fn database_url(&self, service: Role) -> Option<&str> {
        let own = match service {
            Role::Auth => self.services.auth.database.url.expose(),
            Role::LinkPreview => self.services.link_preview.database.url.expose(),
            Role::Channel => self.services.channel.database.url.expose(),
            Role::Message => self.services.message.database.url.expose(),
            Role::Notification => self.services.notification.database.url.expose(),
            Role::All | Role::Gateway | Role::Presence => None,
        };
        own.or(self.database.url.expose())
    }

    /// Whether a service keeps its tables in the data folder.
    pub fn keeps_files(&self) -> bool {
        Role::ALONE.iter().any(|role| role.has_store() && self.database_url(*role).is_none())
    }

    /// Time over which realtime connections are closed.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.gateway.drain_s)
    }

    pub(crate) fn gateway_settings(&self) -> parlance_gateway::Settings {
        parlance_gateway::Settings {
            gateway: self.gateway.own.clone(),
            realtime: self.realtime.clone(),
            chatsdk: self.dialects.chatsdk.clone(),
            rate_limits: self.rate_limits.clone(),
        }
    }

    pub(crate) fn message_settings(&self) -> parlance_message::Settings {
        let state_events_max_members = self.realtime.state_events_max_members;
        parlance_message::Settings { state_events_max_members, ..self.message.clone() }
    }

    pub(crate) fn presence_settings(&self) -> parlance_presence::Settings {
        parlance_presence::Settings { state_events_max_members: self.realtime.state_events_max_members }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> anyhow::Result<Config> {
        let environment = vec![(name.to_owned(), value.to_owned())];
        Config::load(&Sources { environment, ..Sources::default() })
    }

    #[test]
    fn the_reference_says_the_same_as_the_defaults_in_the_code() {
        let config = Config::load(&Sources::default()).unwrap();
        assert_eq!(config.gateway_settings(), parlance_gateway::Settings::default());
        let message = parlance_message::Settings::default();
        assert_eq!(format!("{:?}", config.message_settings()), format!("{message:?}"));
        let (link_preview, notification) = (&config.link_preview, &config.notification);
        assert_eq!(format!("{link_preview:?}"), format!("{:?}", parlance_link_preview::Settings::default()));
        assert_eq!(format!("{notification:?}"), format!("{:?}", parlance_notification::Settings::default()));
        let presence = parlance_presence::Settings::default();
        assert_eq!(format!("{:?}", config.presence_settings()), format!("{presence:?}"));
        assert_eq!(format!("{:?}", config.log), format!("{:?}", parlance_telemetry::Settings::default()));
        assert_eq!(config.telemetry, parlance_telemetry::TelemetrySettings::default());
        assert!(config.is_on_loopback());
    }

    #[test]
    fn what_is_in_force_reads_back_as_what_was_printed() {
        let merged = Merged::load(REFERENCE, &Sources::default()).unwrap();
        assert_eq!(merged.render(SECRETS), REFERENCE);
    }

    #[test]
    fn every_secret_is_masked_where_it_is_printed_and_in_debug_output() {
        let environment: Vec<_> = SECRETS
            .iter()
            .map(|key| {
                (format!("PARLANCE__{}", key.replace('.', "__").to_uppercase()), "hunter2-hunter2!".into())
            })
            .collect();
        let merged = Merged::load(REFERENCE, &Sources { environment, ..Sources::default() }).unwrap();
        assert!(!merged.render(SECRETS).contains("hunter2"));
        assert_eq!(merged.render(SECRETS).matches("\"***\"").count(), SECRETS.len());
        let config = Config::read(&merged).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.grpc.secret.expose(), Some("hunter2-hunter2!"));
    }

    #[test]
    fn what_no_type_can_say_is_checked() {
        for (name, value, named) in [
            ("PARLANCE__GATEWAY__LISTEN", "localhost", "gateway.listen"),
            ("PARLANCE__GATEWAY__LISTEN", "", "gateway.listen"),
            ("PARLANCE__OPS__LISTEN", "127.0.0.1", "ops.listen"),
            ("PARLANCE__GRPC__SECRET", "short", "grpc.secret"),
            ("PARLANCE__MESSAGE__MAX_BATCH", "0", "message.max_batch"),
            ("PARLANCE__GATEWAY__LISTN", "x", "gateway.listn"),
            ("PARLANCE__TELEMETRY__SAMPLE_RATIO", "1.5", "telemetry.sample_ratio"),
            ("PARLANCE__TELEMETRY__EXPORT_INTERVAL_S", "0", "telemetry.export_interval_s"),
            ("PARLANCE__TELEMETRY__OTLP_ENDPOINT", "collector:4317", "telemetry.otlp_endpoint"),
        ] {
            let error = format!("{:#}", with(name, value).unwrap_err());
            assert!(error.contains(named), "{name}: {error}");
        }
        assert!(!with("PARLANCE__GATEWAY__LISTEN", "0.0.0.0:5501").unwrap().is_on_loopback());
        assert!(with("PARLANCE__GRPC__LISTEN", "").unwrap().is_on_loopback());
        assert!(!with("PARLANCE__RATE_LIMITS__ENABLED", "false").unwrap().rate_limits.enabled);
    }
}
