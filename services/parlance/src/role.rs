//! What a process does.

use std::fmt;

use anyhow::ensure;

use crate::config::Config;

/// Everything, or one of the services, or the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `parlance serve`.
    All,
    Auth,
    Channel,
    Presence,
    Message,
    Gateway,
}

impl Role {
    /// The roles that run alone, by rank.
    pub const ALONE: [Role; 5] = [Role::Auth, Role::Channel, Role::Presence, Role::Message, Role::Gateway];

    /// The name on the command line, in logs and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Role::All => "serve",
            Role::Auth => "auth",
            Role::Channel => "channel",
            Role::Presence => "presence",
            Role::Message => "message",
            Role::Gateway => "gateway",
        }
    }

    /// Whether `part` runs in this process.
    pub fn runs(self, part: Role) -> bool {
        self == Role::All || self == part
    }

    /// Whether this process calls `service`, wherever that runs.
    pub fn calls(self, service: Role) -> bool {
        match service {
            // Whoever has a listener asks auth who is calling.
            Role::Auth => true,
            Role::Channel => matches!(self, Role::All | Role::Presence | Role::Message | Role::Gateway),
            Role::Presence | Role::Message => matches!(self, Role::All | Role::Gateway),
            Role::All | Role::Gateway => false,
        }
    }

    /// Whether it keeps tables of its own.
    pub fn has_store(self) -> bool {
        matches!(self, Role::Auth | Role::Channel | Role::Message)
    }

    /// Checks that the settings say what a role needs that has nothing beside it in its process.
    pub(crate) fn check(self, config: &Config) -> anyhow::Result<()> {
        if self == Role::All {
            return Ok(());
        }
        ensure!(config.redis.url.expose().is_some(), "the role {self} needs the setting `redis.url`");
        ensure!(config.grpc.secret.expose().is_some(), "the role {self} needs the setting `grpc.secret`");
        if self != Role::Gateway {
            ensure!(!config.grpc.listen.is_empty(), "the role {self} needs the setting `grpc.listen`");
        }
        if self.has_store() {
            ensure!(
                config.database_url(self).is_some(),
                "the role {self} needs the setting `database.url` or `services.{self}.database.url`"
            );
        }
        if self == Role::Auth {
            ensure!(
                config.auth.master_key.expose().is_some(),
                "the role auth needs the setting `auth.master_key`: 32 random bytes in base64"
            );
        }
        for service in Role::ALONE {
            ensure!(
                self.runs(service) || !self.calls(service) || !config.addresses(service).is_empty(),
                "the role {self} needs the setting `services.{service}.addresses`"
            );
        }
        Ok(())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use parlance_config::Sources;

    use super::*;

    fn check(role: Role, set: &[(&str, &str)]) -> Result<(), String> {
        let environment = set.iter().map(|(name, value)| (format!("PARLANCE__{name}"), (*value).to_owned()));
        let sources = Sources { environment: environment.collect(), ..Sources::default() };
        role.check(&Config::load(&sources).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_role_says_what_it_needs_and_serve_needs_nothing() {
        check(Role::All, &[]).unwrap();
        let mut set = Vec::new();
        for (name, value, missing) in [
            ("REDIS__URL", "redis://127.0.0.1:6379", "redis.url"),
            ("GRPC__SECRET", "a-secret-of-sixteen", "grpc.secret"),
            ("DATABASE__URL", "postgres://127.0.0.1/parlance", "database.url"),
            ("SERVICES__AUTH__ADDRESSES", "http://127.0.0.1:1", "services.auth.addresses"),
            ("SERVICES__CHANNEL__ADDRESSES", "dns:channel:1", "services.channel.addresses"),
        ] {
            let error = check(Role::Message, &set).unwrap_err();
            assert!(error.contains(missing), "{error}");
            set.push((name, value));
        }
        check(Role::Message, &set).unwrap();
        assert!(check(Role::Gateway, &set).unwrap_err().contains("services.presence.addresses"));
        assert!(check(Role::Auth, &set).unwrap_err().contains("auth.master_key"));
    }
}
