//! What a process does.

use std::fmt;

use crate::config::Config;

/// Everything, or one of the services, or the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `parlance serve`.
    All,
    Auth,
    LinkPreview,
    Channel,
    Presence,
    Message,
    Notification,
    Gateway,
}

impl Role {
    /// The roles that run alone, by rank.
    pub const ALONE: [Role; 7] = [
        Role::Auth,
        Role::LinkPreview,
        Role::Channel,
        Role::Presence,
        Role::Message,
        Role::Notification,
        Role::Gateway,
    ];

    /// The name on the command line, in logs and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Role::All => "serve",
            Role::Auth => "auth",
            Role::LinkPreview => "link-preview",
            Role::Channel => "channel",
            Role::Presence => "presence",
            Role::Message => "message",
            Role::Notification => "notification",
            Role::Gateway => "gateway",
        }
    }

    /// The name in settings, and of what it keeps.
    pub fn key(self) -> &'static str {
        match self {
            Role::LinkPreview => "link_preview",
            other => other.name(),
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
            Role::LinkPreview => matches!(self, Role::All | Role::Message),
            Role::Channel => !matches!(self, Role::Auth | Role::LinkPreview | Role::Channel),
            Role::Presence | Role::Message => {
                matches!(self, Role::All | Role::Notification | Role::Gateway)
            }
            Role::Notification => matches!(self, Role::All | Role::Gateway),
            Role::All | Role::Gateway => false,
        }
    }

    /// Whether it keeps tables of its own.
    pub fn has_store(self) -> bool {
        !matches!(self, Role::All | Role::Presence | Role::Gateway)
    }

    /// Checks that the settings say what a role needs that has nothing beside it in its process.
    pub(crate) fn check(self, config: &Config) -> anyhow::Result<()> {
        match self.missing(config).into_iter().next() {
            None => Ok(()),
            Some(missing) => Err(anyhow::anyhow!(missing)),
        }
    }

    /// All that such a role needs and the settings do not say.
    pub(crate) fn missing(self, config: &Config) -> Vec<String> {
        if self == Role::All {
            return Vec::new();
        }
        let mut missing = Vec::new();
        let mut need = |is_set: bool, what: String| {
            if !is_set {
                missing.push(format!("the role {self} needs the setting {what}"));
            }
        };
        need(self == Role::LinkPreview || config.redis.url.expose().is_some(), "`redis.url`".to_owned());
        need(config.grpc.secret.expose().is_some(), "`grpc.secret`".to_owned());
        need(self == Role::Gateway || !config.grpc.listen.is_empty(), "`grpc.listen`".to_owned());
        need(
            !self.has_store() || config.database_url(self).is_some(),
            format!("`database.url` or `services.{}.database.url`", self.key()),
        );
        need(
            !matches!(self, Role::Auth | Role::Notification) || config.auth.master_key.expose().is_some(),
            "`auth.master_key`: 32 random bytes in base64".to_owned(),
        );
        for service in Role::ALONE {
            let is_off = service == Role::LinkPreview && !config.link_preview.enabled;
            let known =
                self.runs(service) || !self.calls(service) || !config.addresses(service).is_empty() || is_off;
            need(known, format!("`services.{}.addresses`", service.key()));
        }
        missing
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
            ("SERVICES__LINK_PREVIEW__ADDRESSES", "dns:link-preview:1", "services.link_preview.addresses"),
            ("SERVICES__CHANNEL__ADDRESSES", "dns:channel:1", "services.channel.addresses"),
        ] {
            let error = check(Role::Message, &set).unwrap_err();
            assert!(error.contains(missing), "{error}");
            set.push((name, value));
        }
        check(Role::Message, &set).unwrap();
        assert!(check(Role::Gateway, &set).unwrap_err().contains("services.presence.addresses"));
        assert!(check(Role::Auth, &set).unwrap_err().contains("auth.master_key"));
        assert!(check(Role::Notification, &set).unwrap_err().contains("auth.master_key"));
        // Previews that are switched off need nobody who finds them.
        let without = set.iter().filter(|(name, _)| !name.contains("LINK_PREVIEW")).copied();
        let off: Vec<_> = without.chain([("LINK_PREVIEW__ENABLED", "false")]).collect();
        check(Role::Message, &off).unwrap();
    }
}
