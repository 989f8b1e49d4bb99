//! `parlance config check`: every problem that a start with these settings would find without connecting.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::http::Uri;
use parlance_config::{Merged, Sources};

use crate::config::{Config, REFERENCE};
use crate::master_key;
use crate::role::Role;

/// Schemes of PostgreSQL and of Redis.
const POSTGRES: &[&str] = &["postgres", "postgresql"];
const REDIS: &[&str] = &["redis", "rediss"];
const WEB: &[&str] = &["http", "https"];

/// What is wrong with the settings of `sources` for a process of `role`; empty = nothing. No line quotes
/// a value that may be secret.
pub fn problems(sources: &Sources, role: Role) -> anyhow::Result<Vec<String>> {
    let (merged, refused) = Merged::collect(REFERENCE, sources)?;
    let mut problems: Vec<String> = refused.iter().map(ToString::to_string).collect();
    // One setting at a time, so that the first that is refused does not hide the others.
    let mut unreadable = Vec::new();
    for (key, alone) in merged.one_by_one()? {
        if let Err(problem) = Config::read(&alone) {
            problems.push(naming(&key, format!("{problem:#}")));
            unreadable.push(key);
        }
    }
    let config = Config::read(&merged.without(&unreadable)?)?;
    problems.extend(of_values(&config));
    problems.extend(of_production(&config));
    // What is set and wrong has been told; it is not missing as well.
    let untold = |line: &String| !unreadable.iter().any(|key| line.contains(&format!("`{key}`")));
    problems.extend(role.missing(&config).into_iter().filter(untold));
    Ok(problems)
}

/// A problem that names its setting.
fn naming(key: &str, problem: String) -> String {
    if problem.contains(key) { problem } else { format!("setting `{key}`: {problem}") }
}

/// What no type says of single values, and which listeners are in each other's way.
fn of_values(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut must = |holds: bool, name: &str, what: &str| {
        if !holds {
            problems.push(format!("setting `{name}` must be {what}"));
        }
    };
    let gateway = &config.gateway.own;
    let public_url = &gateway.public_url;
    must(
        public_url.is_empty() || (is_url(public_url, WEB) && !public_url.ends_with('/')),
        "gateway.public_url",
        "an http(s) URL without a trailing slash",
    );
    let app_url = &config.dialects.chatsdk.app_url;
    must(
        app_url.is_empty() || (is_url(app_url, WEB) && !app_url.ends_with('/')),
        "dialects.chatsdk.app_url",
        "an http(s) URL without a trailing slash",
    );
    let is_origin = |text: &String| text == "*" || (is_url(text, WEB) && text.matches('/').count() == 2);
    must(
        gateway.allowed_origins.iter().all(is_origin),
        "gateway.allowed_origins",
        "a list of \"*\" or scheme://host[:port]",
    );
    must(
        parlance_gateway::are_proxies(&gateway.trusted_proxies),
        "gateway.trusted_proxies",
        "a list of addresses or networks such as 10.0.0.0/8",
    );
    for (name, url) in [
        ("database.url", &config.database.url),
        ("services.auth.database.url", &config.services.auth.database.url),
        ("services.channel.database.url", &config.services.channel.database.url),
        ("services.message.database.url", &config.services.message.database.url),
        ("services.link_preview.database.url", &config.services.link_preview.database.url),
        ("services.notification.database.url", &config.services.notification.database.url),
    ] {
        let good = url.expose().is_none_or(|url| {
            POSTGRES.iter().any(|scheme| url.starts_with(&format!("{scheme}://")))
                && parlance_sql::is_postgres_url(url)
        });
        must(good, name, "a URL like postgres://user:password@host/database");
    }
    let is_redis = |urls: &str| urls.split(',').all(|url| is_url(url.trim(), REDIS));
    must(
        config.redis.url.expose().is_none_or(is_redis),
        "redis.url",
        "a URL like redis://user:password@host:port/number, or several separated by commas",
    );
    must(
        config.auth.master_key.expose().is_none_or(master_key::is_well_formed),
        "auth.master_key",
        "32 bytes in base64",
    );
    must(parlance_telemetry::is_level(&config.log.level), "log.level", "a list of levels and directives");
    problems.extend(twice(config));
    problems
}

/// Listeners on one address: the second could not be bound.
fn twice(config: &Config) -> Vec<String> {
    let mut known: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, address) in config.listeners() {
        let Ok(address) = address else { continue };
        if address.port() == 0 {
            continue;
        }
        if let Some(other) = known.insert(address, name) {
            problems.push(format!("settings `{other}` and `{name}` are the same address"));
        }
    }
    problems
}

/// What `production = true` asks for. (Whether the store holds the development app is seen at the start.)
fn of_production(config: &Config) -> Option<String> {
    let missing = config.production && config.auth.master_key.expose().is_none();
    missing.then(|| {
        "with production = true the setting `auth.master_key` is required (32 random bytes in base64)"
            .to_owned()
    })
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(role: Role, set: &[(&str, &str)]) -> Vec<String> {
        let environment = set.iter().map(|(name, value)| (format!("PARLANCE__{name}"), (*value).to_owned()));
        let sources = Sources { environment: environment.collect(), ..Sources::default() };
        problems(&sources, role).unwrap()
    }

    #[test]
    fn the_defaults_are_good_and_so_is_a_whole_production_configuration() {
        assert_eq!(found(Role::All, &[]), Vec::<String>::new());
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let good = [
            ("PRODUCTION", "true"),
            ("AUTH__MASTER_KEY", key),
            ("DATABASE__URL", "postgres://parlance:pass@db/parlance?sslmode=require"),
            ("REDIS__URL", "rediss://:pass@a:6379/0, redis://b:6379"),
            ("GRPC__SECRET", "sixteen characters"),
            ("GATEWAY__PUBLIC_URL", "https://chat.example.org"),
            ("GATEWAY__ALLOWED_ORIGINS", "https://example.org,http://localhost:3000"),
            ("GATEWAY__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
            ("SERVICES__AUTH__ADDRESSES", "dns:parlance-auth:50051"),
            ("SERVICES__LINK_PREVIEW__ADDRESSES", "dns:parlance-link-preview:50051"),
            ("SERVICES__CHANNEL__ADDRESSES", "http://10.0.0.5:50051"),
            ("LOG__LEVEL", "info,parlance_message=debug"),
        ];
        assert_eq!(found(Role::All, &good), Vec::<String>::new());
        assert_eq!(found(Role::Message, &good), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_found_and_no_value_is_quoted_that_may_be_secret() {
        let wrong = [
            ("GATEWAY__LISTN", "hunter2", "gateway.listn"),
            ("GATEWAY__DRAIN_S", "hunter2", "gateway.drain_s"),
            ("REALTIME__PING_INTERVAL_S", "-1", "realtime.ping_interval_s"),
            ("RATE_LIMITS__API_SCOPE", "nobody", "rate_limits.api_scope"),
            ("LOG__FORMAT", "xml", "log.format"),
            ("GRPC__SECRET", "hunter2", "grpc.secret"),
            ("SERVICES__AUTH__ADDRESSES", "nowhere", "services.auth.addresses"),
            ("OPS__LISTEN", "127.0.0.1", "ops.listen"),
        ];
        let set: Vec<_> = wrong.iter().map(|(name, value, _)| (*name, *value)).collect();
        let problems = found(Role::All, &set);
        assert_eq!(problems.len(), wrong.len(), "{problems:#?}");
        for (_, _, named) in wrong {
            assert_eq!(
                problems.iter().filter(|line| line.contains(named)).count(),
                1,
                "{named}: {problems:#?}"
            );
        }
        assert!(problems.iter().all(|line| !line.contains("hunter2") && line.lines().count() == 1));
    }

    #[test]
    fn what_hangs_together_is_checked_together() {
        let wrong = [
            ("PRODUCTION", "true", "auth.master_key"),
            ("DATABASE__URL", "mysql://u:hunter2@h/d", "database.url"),
            (
                "SERVICES__MESSAGE__DATABASE__URL",
                "postgres://u:hunter2@h:port/d",
                "services.message.database",
            ),
            ("REDIS__URL", "http://u:hunter2@h", "redis.url"),
            ("GATEWAY__PUBLIC_URL", "chat.example.org/", "gateway.public_url"),
            ("DIALECTS__CHATSDK__APP_URL", "app.example.org", "dialects.chatsdk.app_url"),
            ("GATEWAY__ALLOWED_ORIGINS", "https://example.org/path", "gateway.allowed_origins"),
            ("GATEWAY__TRUSTED_PROXIES", "proxy.internal", "gateway.trusted_proxies"),
            ("OPS__LISTEN", "127.0.0.1:5501", "ops.listen"),
            ("LOG__LEVEL", "info,=,", "log.level"),
        ];
        let set: Vec<_> = wrong.iter().map(|(name, value, _)| (*name, *value)).collect();
        let problems = found(Role::All, &set);
        assert_eq!(problems.len(), wrong.len(), "{problems:#?}");
        for (_, _, named) in wrong {
            assert!(problems.iter().any(|line| line.contains(named)), "{named}: {problems:#?}");
        }
        assert!(problems.iter().all(|line| !line.contains("hunter2")));
        assert_eq!(found(Role::All, &[("AUTH__MASTER_KEY", "hunter2")]).len(), 1);
        assert_eq!(found(Role::Gateway, &[]).len(), 7, "{:#?}", found(Role::Gateway, &[]));
    }
}
