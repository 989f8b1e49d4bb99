//! Every push service against a local one that speaks its protocol and refuses the first wrong byte.

mod apns;
mod expo;
mod fakes;
mod fcm;
mod novu;
mod settings;
mod support;
mod web_push;
