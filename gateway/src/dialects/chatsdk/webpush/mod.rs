//! Notifications of browsers (Web Push).

pub mod subscribe;
pub mod test;
pub mod unsubscribe;
pub mod vapid_key;
