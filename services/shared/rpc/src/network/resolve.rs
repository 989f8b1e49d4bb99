//! From addresses to replicas.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::replicas::Replicas;

/// Names are looked up this often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// What the addresses were found to be, each on its own: one that cannot be looked up keeps what it had.
#[derive(Default)]
pub(crate) struct Found {
    of: HashMap<Address, Vec<Uri>>,
    failing: HashSet<Address>,
}

/// Keeps the replicas up to date until `stop`. Ends at once if no address is a name.
pub(crate) async fn run(
    addresses: Vec<Address>,
    mut found: Found,
    replicas: Arc<Replicas>,
    stop: CancellationToken,
) {
    if !addresses.iter().any(|address| matches!(address, Address::Dns { .. })) {
        return;
    }
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_UP_EVERY)).await.is_some() {
        let look_up = resolve(&addresses, &mut found, &replicas);
        if stop.run_until_cancelled(look_up).await.is_none() {
            return;
        }
    }
}

/// One look-up of everything.
pub(crate) async fn resolve(addresses: &[Address], found: &mut Found, replicas: &Replicas) {
    for address in addresses {
        let outcome = match address {
            Address::One(uri) => Ok(vec![uri.clone()]),
            Address::Dns { host, port } => look_up(host, *port).await,
        };
        match outcome {
            Ok(uris) => {
                found.failing.remove(address);
                found.of.insert(address.clone(), uris);
            }
            // Told once, until it works again.
            Err(cause) if found.failing.insert(address.clone()) => {
                tracing::warn!(?address, %cause, "a name cannot be looked up");
            }
            Err(_) => {}
        }
    }
    let uris: Vec<Uri> =
        addresses.iter().filter_map(|address| found.of.get(address)).flatten().cloned().collect();
    replicas.set(&uris);
}

async fn look_up(host: &str, port: u16) -> std::io::Result<Vec<Uri>> {
    let found = tokio::time::timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host((host, port))).await??;
    Ok(found.filter_map(|at| format!("http://{at}").parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_stands_for_all_its_addresses_and_an_unknown_one_changes_nothing() {
        let (replicas, mut found) = (Replicas::default(), Found::default());
        let local: Address = "dns:localhost:7".parse().unwrap();
        resolve(std::slice::from_ref(&local), &mut found, &replicas).await;
        let name = replicas.pick(None, &[]).unwrap().name.clone();
        assert!(name.ends_with(":7/"), "{name}");
        // A second address that cannot be looked up takes nothing from the first.
        let unknown: Address = "dns:no-such-host.invalid:7".parse().unwrap();
        resolve(&[local, unknown], &mut found, &replicas).await;
        assert!(replicas.pick(None, &[]).is_some());
    }
}
