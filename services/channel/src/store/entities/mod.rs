pub mod channel;
pub mod channel_type;
pub mod member;
