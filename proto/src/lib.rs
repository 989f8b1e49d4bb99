#![doc = include_str!("../README.md")]

/// The descriptor of every package, for gRPC reflection and the additive-only check.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptor.bin");

macro_rules! package {
    ($name:ident, $file:literal) => {
        #[allow(clippy::all, missing_docs, rustdoc::all)]
        pub mod $name {
            pub mod v1 {
                include!($file);
            }
        }
    };
}

/// The Protobuf packages; the module path is the package name, as the generated code expects.
pub mod parlance {
    package!(auth, "gen/parlance.auth.v1.rs");
    package!(channel, "gen/parlance.channel.v1.rs");
    package!(event, "gen/parlance.event.v1.rs");
    package!(link_preview, "gen/parlance.link_preview.v1.rs");
    package!(message, "gen/parlance.message.v1.rs");
    package!(notification, "gen/parlance.notification.v1.rs");
    package!(presence, "gen/parlance.presence.v1.rs");
}

pub use parlance::{
    auth::v1 as auth, channel::v1 as channel, event::v1 as event, link_preview::v1 as link_preview,
    message::v1 as message, notification::v1 as notification, presence::v1 as presence,
};
