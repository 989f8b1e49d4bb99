//! From names to addresses that may be reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::fetcher::Network;

/// Addresses of a name that are tried; a name with hundreds is no way to have us call them all.
const TRIED: usize = 8;
/// Lookups of the system at once. Each holds a thread for as long as it takes, whoever still waits for it.
const AT_ONCE: usize = 64;

/// Gives the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// As the machine resolves names: its hosts file, its name servers, its search domains.
pub fn system_lookup() -> Lookup {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    Arc::new(move |name| {
        let room = room.clone();
        Box::pin(async move {
            let permit = room.acquire_owned().await.map_err(std::io::Error::other)?;
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name, 0)).await;
                drop(permit);
                found.map(|addresses| addresses.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(std::io::Error::other)?
        })
    })
}

/// The resolver under the HTTP client: what it gives has been checked, and nothing else is connected to.
/// It is asked once for a connection, so an answer that changes afterwards changes nothing.
pub(crate) struct Checked(pub(crate) Network);

/// The name leads only to addresses that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("not a public address")]
pub(crate) struct Blocked;

/// The name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("no address")]
pub(crate) struct Unknown;

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let Network { lookup, may_reach } = self.0.clone();
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await.map_err(|_| Unknown)?;
            if found.is_empty() {
                return Err(Unknown.into());
            }
            let allowed = found.into_iter().filter(|address| may_reach(*address));
            // The client puts the port of the URL.
            let addresses: Vec<_> = allowed.take(TRIED).map(|address| SocketAddr::new(address, 0)).collect();
            if addresses.is_empty() {
                return Err(Blocked.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
