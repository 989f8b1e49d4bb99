//! What the protobuf files say about a call.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use prost_types::method_options::IdempotencyLevel;

/// Properties of a call that decide how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Method {
    /// The answer is a stream without an end: no time limit, never repeated by us.
    pub(crate) streams: bool,
    /// Making it twice is making it once (`idempotency_level` in its `.proto` file).
    pub(crate) idempotent: bool,
}

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    // The bytes are made with this crate's own messages; a test reads them.
    let set = FileDescriptorSet::decode(parlance_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut methods = HashMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let level = method.options.as_ref().map(|options| options.idempotency_level());
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let idempotent = !matches!(level, None | Some(IdempotencyLevel::IdempotencyUnknown));
                methods.insert(path, Method { streams: method.server_streaming(), idempotent });
            }
        }
    }
    methods
});

impl Method {
    /// The call of a request's path; an unknown one is neither repeated nor unlimited.
    pub(crate) fn of(path: &str) -> Self {
        METHODS.get(path).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_tells_reads_from_sends_and_streams() {
        let of = |name: &str| Method::of(&format!("/parlance.message.v1.MessageService/{name}"));
        assert_eq!(of("ListMessages"), Method { streams: false, idempotent: true });
        assert_eq!(of("SendMessage"), Method { streams: false, idempotent: false });
        assert_eq!(of("Follow"), Method { streams: true, idempotent: false });
        assert_eq!(of("Unheard"), Method::default());
    }
}
