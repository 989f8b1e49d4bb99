use parlance_core::{Error, Result};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

/// Longest prefix of keys, in bytes.
const MAX_PREFIX: usize = 64;

/// Where Redis is and what our keys are called there.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `redis://[user:password@]host:port[/database]`, `rediss://` with TLS. Several, separated by
    /// commas, are nodes of one cluster, of which at least one must answer. One alone is asked whether
    /// it is a server or (the way into) a cluster.
    pub url: String,
    /// What every key and topic begins with, so that several installations may share a Redis.
    pub prefix: String,
}

impl Settings {
    /// With the usual prefix, `parlance`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), prefix: "parlance".to_owned() }
    }

    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The nodes named, and whether they are a cluster; `None` = only the node itself can tell.
    pub(crate) fn nodes(&self) -> Result<(Vec<ConnectionInfo>, Option<bool>)> {
        let texts: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let nodes = texts
            .iter()
            .map(|&text| text.into_connection_info())
            .collect::<Result<Vec<_>, _>>()
            // The cause could quote the password.
            .map_err(|_| Error::invalid("redis.url", "must be redis://host:port, or several with commas"))?;
        let several = nodes.len() > 1;
        let unfit = |node: &ConnectionInfo| {
            matches!(node.addr(), ConnectionAddr::Unix(_)) || node.redis_settings().db() != 0
        };
        match (several, nodes.iter().any(unfit)) {
            (true, true) => Err(Error::invalid("redis.url", "of a cluster must hold hosts and no database")),
            (true, false) => Ok((nodes, Some(true))),
            (false, true) => Ok((nodes, Some(false))),
            (false, false) => Ok((nodes, None)),
        }
    }

    /// The prefix, if it is one: braces would put all keys of a cluster on one node.
    pub(crate) fn checked_prefix(&self) -> Result<&str> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if self.prefix.is_empty() || self.prefix.len() > MAX_PREFIX || !self.prefix.chars().all(fits) {
            let rule = format!("must be 1 to {MAX_PREFIX} of letters, digits and -_.:");
            return Err(Error::invalid("redis.prefix", rule));
        }
        Ok(&self.prefix)
    }
}

impl std::fmt::Debug for Settings {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("url", &"***").field("prefix", &self.prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_urls_are_a_cluster_and_one_may_be() {
        for (url, count, expected) in [
            ("redis://:secret@db:6380", 1, None),
            ("redis://:secret@db:6380/2", 1, Some(false)),
            ("redis://a:1, redis://b:2", 2, Some(true)),
        ] {
            let (nodes, cluster) = Settings::new(url).nodes().unwrap();
            assert_eq!((nodes.len(), cluster), (count, expected), "{url}");
        }
    }

    #[test]
    fn odd_urls_and_prefixes_are_refused_without_showing_the_password() {
        for odd in ["", "http://:secret@a", "redis://a:1,", "redis://a:1/2,redis://b:2", "redis://:secret@"] {
            let error = Settings::new(odd).nodes().unwrap_err();
            assert!(!error.message.contains("secret"), "{error}");
        }
        for odd in ["", "a{b}", "ä", &"x".repeat(65)] {
            assert!(Settings::new("redis://a").with_prefix(odd).checked_prefix().is_err(), "{odd}");
        }
        assert!(!format!("{:?}", Settings::new("redis://:secret@a")).contains("secret"));
    }
}
