//! Settings of the gateway. Every number says its unit in its name or its comment; every section
//! has defaults, so that an empty file is a complete configuration.

use serde::{Deserialize, Serialize};

/// All that a gateway reads. The binary fills it from the sections `gateway`, `realtime`,
/// `dialects.chatsdk` and `rate_limits`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub gateway: GatewaySettings,
    pub realtime: RealtimeSettings,
    pub chatsdk: ChatSdkSettings,
    pub rate_limits: RateLimitSettings,
}

/// Section `gateway`: listeners and what holds for every dialect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// Address of the main listener: REST and realtime.
    pub listen: String,
    /// Address of a second listener for realtime alone; empty = none.
    pub realtime_listen: String,
    /// URL under which clients reach the main listener, without a trailing slash; empty = `http://<listen>`.
    pub public_url: String,
    /// Origins of browser pages that may call: `scheme://host[:port]`, echoed with credentials.
    /// `"*"` admits every origin, but without credentials (tokens travel in headers, so browsers
    /// need none). An empty list admits no page of another origin.
    pub allowed_origins: Vec<String>,
    /// Addresses (`10.0.0.7`) or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` and
    /// `traceparent` are believed. The client is the right-most address that is not one of them.
    pub trusted_proxies: Vec<String>,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Most requests under way at once; more are refused with 503.
    pub max_in_flight: usize,
    /// Whether `GET /docs` and `GET /openapi.json` describe the API.
    pub docs: bool,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:5501".to_owned(),
            realtime_listen: "127.0.0.1:8001".to_owned(),
            public_url: String::new(),
            allowed_origins: vec!["*".to_owned()],
            trusted_proxies: Vec::new(),
            max_body_bytes: 1024 * 1024,
            max_in_flight: 4096,
            docs: true,
        }
    }
}

/// Section `realtime`: limits of the Centrifuge protocol endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSettings {
    /// Seconds between the pings that the server sends.
    pub ping_interval_s: u32,
    /// Seconds within which a ping must be answered.
    pub pong_timeout_s: u32,
    /// Seconds within which a new connection must authenticate.
    pub connect_timeout_s: u32,
    /// Largest frame from a client in bytes.
    pub max_frame_bytes: usize,
    /// Most commands in one frame.
    pub max_commands_per_frame: usize,
    /// Longest channel name in bytes.
    pub max_channel_length: usize,
    /// Most subscriptions of one connection.
    pub max_subscriptions: usize,
    /// Bytes queued for a connection at which it is closed as slow.
    pub max_queue_bytes: usize,
    /// Bytes queued for a connection from which typing and presence are dropped.
    pub soft_queue_bytes: usize,
    /// Age in seconds of the oldest queued bytes at which a connection is closed as slow.
    pub max_queue_age_s: u32,
    /// Most connections of this process.
    pub max_connections: usize,
    /// Seconds between comparisons of a subscription's position with its stream.
    pub position_check_s: u32,
    /// Milliseconds for which unread counts are gathered; the latest wins.
    pub unread_window_ms: u32,
    /// Seconds that an expired connection is given to refresh.
    pub expiry_grace_s: u32,
    /// Most members of a channel in which read positions, receipts and presence go to everybody.
    pub state_events_max_members: u32,
}

impl Default for RealtimeSettings {
    fn default() -> Self {
        Self {
            ping_interval_s: 25,
            pong_timeout_s: 8,
            connect_timeout_s: 10,
            max_frame_bytes: 64 * 1024,
            max_commands_per_frame: 256,
            max_channel_length: 255,
            max_subscriptions: 128,
            max_queue_bytes: 1024 * 1024,
            soft_queue_bytes: 256 * 1024,
            max_queue_age_s: 5,
            max_connections: 100_000,
            position_check_s: 40,
            unread_window_ms: 50,
            expiry_grace_s: 25,
            state_events_max_members: 200,
        }
    }
}

/// Section `dialects.chatsdk`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatSdkSettings {
    /// Whether user calls need an API key beside their token. `false` serves browser clients that
    /// send the token alone.
    pub require_api_key: bool,
    /// Seconds after sending within which an author may delete a message; 0 = for ever.
    pub delete_window_s: u32,
    /// Life in seconds of the tokens that `POST /tokens` issues.
    pub access_ttl_s: u32,
    /// Whether users see the e-mail and custom data of others.
    pub expose_user_details: bool,
    /// Whether muted channels count in the unread total.
    pub muted_count_in_total: bool,
    /// URL of the app that opens invites, without a trailing slash: they read `<app_url>/invite/<token>`; empty =
    /// `gateway.public_url`, or the address by which a request reached the gateway.
    pub app_url: String,
}

impl Default for ChatSdkSettings {
    fn default() -> Self {
        Self {
            require_api_key: true,
            delete_window_s: 900,
            access_ttl_s: 86_400,
            expose_user_details: false,
            muted_count_in_total: true,
            app_url: String::new(),
        }
    }
}

/// Section `rate_limits`: requests per minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitSettings {
    pub enabled: bool,
    /// Calls that issue tokens, per client address and minute.
    pub tokens_per_min: u32,
    /// Messages sent, per user and minute.
    pub sends_per_min: u32,
    /// All other calls, per minute and what `api_scope` names.
    pub api_per_min: u32,
    /// Whom `api_per_min` counts.
    pub api_scope: ApiScope,
}

/// Whom the general rate limit counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiScope {
    /// All calls of an app's key together.
    #[default]
    Key,
    /// Each user of an app by himself, so that one looping client cannot lock out the others.
    User,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            tokens_per_min: 100,
            sends_per_min: 60,
            api_per_min: 1000,
            api_scope: ApiScope::Key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_complete_configuration() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"gateway":{"listn":"x"}}"#).is_err());
        let scope: Settings = serde_json::from_str(r#"{"rate_limits":{"api_scope":"user"}}"#).unwrap();
        assert_eq!(scope.rate_limits.api_scope, ApiScope::User);
    }
}
