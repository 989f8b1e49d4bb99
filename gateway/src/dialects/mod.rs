//! Published chat APIs, each translated to the services' calls and back.

pub mod chatsdk;
