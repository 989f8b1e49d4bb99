//! Calls to other processes: HTTP/2 to every replica of a service, balanced on this side.
//!
//! `address` says where replicas are, `resolve` finds them, `replicas` knows how they do and chooses,
//! `client` makes the call: deadline, service secret, and another attempt where that is safe.

mod address;
mod client;
mod replicas;
mod resolve;

use std::sync::Arc;

use anyhow::Context as _;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneSyncService;

use crate::Transport;
use crate::observe::Observed;
pub use address::{Address, NotAnAddress};

/// The network to a service (`service` is its name, for people and metrics). `secret` proves to the
/// replicas that the caller metadata can be believed. Names are looked up until `stop`.
pub async fn network(
    service: &'static str,
    addresses: Vec<Address>,
    secret: Option<&str>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Transport> {
    let secret = match secret {
        Some(secret) => {
            let mut value =
                HeaderValue::from_str(secret).context("grpc.secret has characters of no header")?;
            value.set_sensitive(true);
            Some(value)
        }
        None => None,
    };
    let replicas = Arc::new(replicas::Replicas::default());
    let mut found = resolve::Found::default();
    resolve::resolve(&addresses, &mut found, &replicas).await;
    tasks.spawn(resolve::run(addresses, found, replicas.clone(), stop.clone()));
    Ok(BoxCloneSyncService::new(Observed(client::Network::new(service, replicas, secret))))
}
