use std::error::Error as StdError;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Certificate, Client, ClientBuilder};
use url::Url;

use crate::address::is_public;
use crate::failure::{Failure, Refusal, Trouble};
use crate::lookup::{Blocked, Checked, Lookup, Unknown, system_lookup};
use crate::{target, tls};

/// Bytes that a site may send ahead of us on HTTP/2.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How long a connection without work is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How addresses written by users are opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Says who asks.
    pub user_agent: String,
    /// Lets every address be reached: for tests and closed installations.
    pub allow_private_networks: bool,
    /// For all of it: name, connection, redirects, the last byte.
    pub timeout: Duration,
    /// Most bytes of an answer, after decompression.
    pub max_bytes: usize,
    /// Most redirects followed.
    pub max_redirects: u32,
    /// Connections kept per host for the next request.
    pub idle_per_host: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("Parlance/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_private_networks: false,
            timeout: Duration::from_secs(5),
            max_bytes: 1024 * 1024,
            max_redirects: 3,
            idle_per_host: 0,
        }
    }
}

/// The network as the client sees it.
#[derive(Clone)]
pub struct Network {
    pub lookup: Lookup,
    /// Judges every address, whether written or resolved.
    pub may_reach: fn(IpAddr) -> bool,
}

impl Network {
    /// The names of this machine and public addresses.
    pub fn public() -> Self {
        Self { lookup: system_lookup(), may_reach: is_public }
    }

    /// The names of this machine and all addresses.
    pub fn any() -> Self {
        Self { lookup: system_lookup(), may_reach: |_| true }
    }
}

/// The client for addresses written by users. Cloning is cheap, connections are shared.
#[derive(Clone)]
pub struct Fetcher {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) may_reach: fn(IpAddr) -> bool,
}

impl Fetcher {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let network = if settings.allow_private_networks { Network::any() } else { Network::public() };
        Self::on(network, settings)
    }

    /// The same on another network than the machine's; `allow_private_networks` is the network's affair.
    pub fn on(network: Network, settings: Settings) -> anyhow::Result<Self> {
        tls::install();
        let may_reach = network.may_reach;
        let client = match builder(&settings, &network).build() {
            Ok(client) => client,
            // The image of containers has no certificates; then those of Mozilla's list count.
            Err(cause) => {
                tracing::info!(%cause, "no certificates of the system: using the built-in ones");
                builder(&settings, &network)
                    .tls_certs_only(built_in_certificates()?)
                    .build()
                    .context("make the HTTP client")?
            }
        };
        Ok(Self { client, settings, may_reach })
    }

    /// Whether an address may be opened as it is written. Names are judged when they are resolved.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        target::check(url, self.may_reach)
    }
}

fn builder(settings: &Settings, network: &Network) -> ClientBuilder {
    Client::builder()
        .user_agent(settings.user_agent.as_str())
        .dns_resolver(Checked(network.clone()))
        // Redirects are followed by `get`, which judges each address.
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve names itself.
        .no_proxy()
        .referer(false)
        .connect_timeout(settings.timeout)
        .pool_max_idle_per_host(settings.idle_per_host)
        .pool_idle_timeout(IDLE)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
}

fn built_in_certificates() -> anyhow::Result<Vec<Certificate>> {
    let certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    certificates.map(|der| Certificate::from_der(der).context("read a built-in certificate")).collect()
}

/// What a failure of the client means.
pub(crate) fn failure_of(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(found) = cause {
        if found.is::<Blocked>() {
            return Refusal::Address.into();
        }
        if found.is::<Unknown>() {
            return Failure::later(Trouble::Name);
        }
        cause = found.source();
    }
    if error.is_builder() {
        Refusal::Url.into()
    } else if error.is_timeout() {
        Failure::later(Trouble::TimedOut)
    } else {
        Failure::later(Trouble::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_certificates_make_a_client() {
        tls::install();
        let certificates = built_in_certificates().unwrap();
        assert!(certificates.len() > 100, "{}", certificates.len());
        let client = builder(&Settings::default(), &Network::public()).tls_certs_only(certificates).build();
        assert!(client.is_ok());
    }
}
