use std::path::Path;

use serde::Deserialize;

/// Where an installation listens, as `host:port`.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    /// REST, and realtime on the same port.
    pub rest: String,
    /// Realtime alone.
    pub realtime: String,
    pub grpc: String,
}

impl Addresses {
    /// Free ports on loopback; the server tells which it got.
    pub(super) fn any_port() -> Self {
        let any = || "127.0.0.1:0".to_owned();
        Self { rest: any(), realtime: any(), grpc: any() }
    }

    /// What the server has written; `None` while it has not.
    pub(super) fn read(listen_json: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(listen_json).ok()?;
        // Half-written is not there yet; a shape that we do not know is a failure.
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(serde_json::from_value(value).unwrap_or_else(|error| panic!("listen.json: {error}: {text}")))
    }
}
