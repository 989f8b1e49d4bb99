//! `/api/realtime`.

pub mod subscription_token;
