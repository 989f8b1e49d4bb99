//! Which hosts an app lets be opened.

use std::collections::HashSet;

use parlance_core::{Error, Result};
use url::Host;

/// Most hosts in a list.
pub const MAX_HOSTS: usize = 1000;
/// Longest name of a host, as DNS has it.
const MAX_HOST_BYTES: usize = 253;

/// An app's own rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRules {
    /// Rises with each change; 0 = never changed.
    pub version: i64,
    pub enabled: bool,
    /// If not empty, only these are opened.
    pub allowed: Hosts,
    /// These are not opened, even if they are allowed.
    pub denied: Hosts,
}

impl Default for AppRules {
    fn default() -> Self {
        Self { version: 0, enabled: true, allowed: Hosts::default(), denied: Hosts::default() }
    }
}

impl AppRules {
    /// Whether the app lets this host be opened.
    pub fn admit(&self, host: &str) -> bool {
        self.enabled && (self.allowed.is_empty() || self.allowed.cover(host)) && !self.denied.cover(host)
    }
}

/// Hosts, and with each all below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// In the order in which they were given.
    names: Vec<String>,
    set: HashSet<String>,
}

impl Hosts {
    /// Reads a list: names or addresses without scheme, port or path, at most a thousand; capitals, a final
    /// dot, repeats and names in other scripts are made one.
    pub fn parse(field: &str, texts: &[String]) -> Result<Self> {
        if texts.len() > MAX_HOSTS {
            return Err(Error::invalid(field, format!("must have at most {MAX_HOSTS} entries")));
        }
        let mut hosts = Self::default();
        for text in texts {
            let wrong = || Error::invalid(field, "must hold names of hosts, like \"example.com\"");
            hosts.add(normal(text).ok_or_else(wrong)?);
        }
        Ok(hosts)
    }

    /// Names that were parsed before.
    pub fn of(names: Vec<String>) -> Self {
        let mut hosts = Self::default();
        names.into_iter().for_each(|name| hosts.add(name));
        hosts
    }

    fn add(&mut self, name: String) {
        if self.set.insert(name.clone()) {
            self.names.push(name);
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the host or one above it is in the list.
    pub fn cover(&self, host: &str) -> bool {
        let mut rest = host;
        loop {
            if self.set.contains(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, above)) => rest = above,
                None => return false,
            }
        }
    }
}

fn normal(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() || text.starts_with('.') || text.contains('*') {
        return None;
    }
    let host = Host::parse(text).ok()?.to_string();
    (host.len() <= MAX_HOST_BYTES && !host.contains("..")).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Hosts::parse("hosts", &names).unwrap()
    }

    #[test]
    fn a_host_covers_itself_and_what_is_below_it() {
        let list = hosts(&["Example.com", "10.0.0.1", "[::1]", "bücher.example."]);
        for host in [
            "example.com",
            "www.example.com",
            "a.b.example.com",
            "10.0.0.1",
            "[::1]",
            "xn--bcher-kva.example",
        ] {
            assert!(list.cover(host), "{host}");
        }
        for host in ["", "com", "badexample.com", "example.com.evil.example", "10.0.0.2", "0.0.1"] {
            assert!(!list.cover(host), "{host}");
        }
    }

    #[test]
    fn what_is_denied_is_not_opened_even_if_it_is_allowed() {
        let rules = AppRules {
            allowed: hosts(&["a.example"]),
            denied: hosts(&["b.a.example"]),
            ..Default::default()
        };
        assert!(rules.admit("a.example") && rules.admit("c.a.example"));
        assert!(
            !rules.admit("b.a.example") && !rules.admit("x.b.a.example") && !rules.admit("other.example")
        );
        assert!(AppRules::default().admit("any.example"));
        assert!(!AppRules { enabled: false, ..Default::default() }.admit("any.example"));
    }

    #[test]
    fn lists_are_normalised_and_wrong_entries_refused() {
        assert_eq!(hosts(&["B.example", "a.example ", "b.example."]).names(), ["b.example", "a.example"]);
        for wrong in [
            "",
            " ",
            ".",
            "https://a.example",
            "a.example/x",
            "a.example:80",
            "*.a.example",
            ".a.example",
            "a b",
            "a@b",
            "a..b",
            &"a.".repeat(200),
        ] {
            let error = Hosts::parse("denied_hosts", &[wrong.to_owned()]).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("denied_hosts"), "{wrong}");
        }
        let many: Vec<String> = (0..=MAX_HOSTS).map(|n| format!("h{n}.example")).collect();
        assert!(Hosts::parse("allowed_hosts", &many).is_err());
        assert!(Hosts::parse("allowed_hosts", &many[1..]).is_ok());
    }
}
