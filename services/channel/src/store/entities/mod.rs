pub mod block;
pub mod channel;
pub mod channel_type;
pub mod invite;
pub mod member;
pub mod workspace;
pub mod workspace_member;
