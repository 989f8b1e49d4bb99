use std::time::Duration;

use serde::Deserialize;

/// Section `link_preview` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// No link is opened while false, whatever apps say.
    pub enabled: bool,
    /// Lets links lead to private addresses: for closed installations and tests.
    pub allow_private_networks: bool,
    /// Seconds that opening a link takes at most.
    pub timeout_s: u64,
    /// Bytes of a page that are read, after decompression.
    pub max_bytes: usize,
    /// Redirects that are followed.
    pub max_redirects: u32,
    /// Seconds that a preview is kept; what was not found is kept for shorter.
    pub cache_s: u64,
    /// Previews kept in memory.
    pub cache_entries: u64,
    /// Links opened at once; others wait a moment, then are answered with LATER.
    pub max_in_flight: usize,
    /// The same for links of one host.
    pub max_in_flight_per_host: usize,
    /// Where YouTube describes its videos.
    pub youtube_oembed_url: String,
    /// Where Vimeo does.
    pub vimeo_oembed_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            allow_private_networks: false,
            timeout_s: 5,
            max_bytes: 1024 * 1024,
            max_redirects: 3,
            cache_s: 3600,
            cache_entries: 4096,
            max_in_flight: 64,
            max_in_flight_per_host: 4,
            youtube_oembed_url: "https://www.youtube.com/oembed".to_owned(),
            vimeo_oembed_url: "https://vimeo.com/api/oembed.json".to_owned(),
        }
    }
}

impl Settings {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.max(1))
    }

    pub(crate) fn cache(&self) -> Duration {
        Duration::from_secs(self.cache_s)
    }
}
