//! One use case a file.

pub mod create_app;
pub mod delete_users;
pub mod find_users_by_handle;
pub mod get_users;
pub mod issue_subscription_token;
pub mod issue_tokens;
pub mod list_apps;
pub mod list_users;
pub mod read_log;
pub mod record_activity;
pub mod refresh_tokens;
pub mod rotate_api_key;
pub mod rotate_app_secret;
pub mod upsert_users;
pub mod verify_api_key;
pub mod verify_token;
mod visible;
