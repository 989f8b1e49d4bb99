//! Addresses that apps have set up lead to public addresses alone, unless private networks are allowed: who
//! runs an app need not be who runs the server.

use std::net::{IpAddr, SocketAddr};

use parlance_fetch::address::is_public;
use parlance_fetch::{Lookup, system_lookup};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Resolves names to their public addresses.
pub(super) struct PublicNames(Lookup);

impl PublicNames {
    pub fn new() -> Self {
        Self(system_lookup())
    }
}

#[derive(Debug)]
struct NotPublic;

impl std::fmt::Display for NotPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no public address")
    }
}

impl std::error::Error for NotPublic {}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let public: Vec<_> = found
                .await?
                .into_iter()
                .filter(|address| is_public(*address))
                // The client puts the port of the URL.
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether `url` may be reached as it is written; names are judged when they are resolved.
pub(super) fn may_be_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(_)) => true,
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        None => false,
    }
}
