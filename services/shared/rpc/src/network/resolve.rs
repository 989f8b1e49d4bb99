//! From addresses to replicas.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::replicas::Replicas;

/// Names are looked up this often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// Keeps the replicas up to date until `stop`. Ends at once if no address is a name.
pub(crate) async fn run(addresses: Vec<Address>, replicas: Arc<Replicas>, stop: CancellationToken) {
    let names = addresses.iter().any(|address| matches!(address, Address::Dns { .. }));
    while let Some(()) = stop.run_until_cancelled(resolve(&addresses, &replicas)).await {
        if !names || stop.run_until_cancelled(tokio::time::sleep(LOOK_UP_EVERY)).await.is_none() {
            return;
        }
    }
}

/// One look-up of everything; if a name cannot be looked up, nothing changes.
pub(crate) async fn resolve(addresses: &[Address], replicas: &Replicas) {
    let mut uris = Vec::new();
    for address in addresses {
        match address {
            Address::One(uri) => uris.push(uri.clone()),
            Address::Dns { host, port } => {
                let found = tokio::net::lookup_host((host.as_str(), *port));
                match tokio::time::timeout(LOOK_UP_TIMEOUT, found).await {
                    Ok(Ok(found)) => {
                        uris.extend(found.filter_map(|at| format!("http://{at}").parse::<Uri>().ok()));
                    }
                    Ok(Err(cause)) => {
                        tracing::warn!(%host, %cause, "a name cannot be looked up");
                        return;
                    }
                    Err(_) => {
                        tracing::warn!(%host, "a name is not looked up in time");
                        return;
                    }
                }
            }
        }
    }
    replicas.set(&uris);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_stands_for_all_its_addresses_and_an_unknown_one_changes_nothing() {
        let replicas = Replicas::default();
        let local = "dns:localhost:7".parse().unwrap();
        resolve(&[local], &replicas).await;
        let name = replicas.pick(None, &[]).unwrap().name.clone();
        assert!(name.ends_with(":7/"), "{name}");
        let unknown = "dns:no-such-host.invalid:7".parse().unwrap();
        resolve(&[unknown], &replicas).await;
        assert!(replicas.pick(None, &[]).is_some());
    }
}
