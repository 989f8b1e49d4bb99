//! What is shown on a device, as the queue keeps it.

use std::collections::BTreeMap;

use parlance_core::Num;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One notification to one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The recipient's public id.
    pub user_id: String,
    pub title: String,
    pub body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What a client opens.
    pub data: BTreeMap<String, String>,
    pub collapse_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
}

/// `event` of what tells a push service that keeps people that one is gone.
pub const FAREWELL: &str = "user_deleted";

impl Notice {
    /// Nothing to show, of a user.
    pub fn of(user_id: String) -> Self {
        Self {
            user_id,
            title: String::new(),
            body: String::new(),
            image: None,
            data: BTreeMap::new(),
            collapse_key: String::new(),
            badge: None,
        }
    }
}

/// The id of a delivery: the same whenever the same notification to the same device is made. `source` is
/// the pending row that it comes from.
pub fn delivery_id(source: Num, device: Num) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(b"parlance notification");
    digest.update(source.to_be_bytes());
    digest.update(device.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_notification_and_device_alone() {
        assert_eq!(delivery_id(1, 2), delivery_id(1, 2));
        assert_ne!(delivery_id(1, 2), delivery_id(2, 1));
        assert_ne!(delivery_id(1, 2), delivery_id(1, 3));
    }
}
