//! What the protobuf files say about a call.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use prost_types::method_options::IdempotencyLevel;

/// The names of a call, a closed set whatever path a caller makes up, and what decides how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// `parlance.message.v1.MessageService/SendMessage`: the name of spans.
    pub(crate) full: &'static str,
    /// `message`.
    pub(crate) service: &'static str,
    /// `SendMessage`.
    pub(crate) name: &'static str,
    /// The answer is a stream without an end: no time limit, never repeated by us.
    pub(crate) streams: bool,
    /// Making it twice is making it once (`idempotency_level` in its `.proto` file).
    pub(crate) idempotent: bool,
}

/// Neither repeated nor unlimited.
pub(crate) const UNKNOWN: Method =
    Method { full: "unknown", service: "unknown", name: "unknown", streams: false, idempotent: false };

static METHODS: LazyLock<HashMap<&'static str, Method>> = LazyLock::new(|| {
    // The bytes are made with the generated code; a test reads them.
    let set = FileDescriptorSet::decode(parlance_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut methods = HashMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let level = method.options.as_ref().map(|options| options.idempotency_level());
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                // A few dozen names, kept for good.
                let path: &'static str = path.leak();
                let full = path.trim_start_matches('/');
                let known = Method {
                    full,
                    service: full.split('.').nth(1).unwrap_or_default(),
                    name: full.rsplit('/').next().unwrap_or_default(),
                    streams: method.server_streaming(),
                    idempotent: !matches!(level, None | Some(IdempotencyLevel::IdempotencyUnknown)),
                };
                methods.insert(path, known);
            }
        }
    }
    methods
});

impl Method {
    /// The call of a request's path.
    pub(crate) fn of(path: &str) -> Self {
        METHODS.get(path).copied().unwrap_or(UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_tells_reads_from_sends_and_streams() {
        let of = |name: &str| Method::of(&format!("/parlance.message.v1.MessageService/{name}"));
        let how = |name: &str| (of(name).streams, of(name).idempotent);
        assert_eq!(how("ListMessages"), (false, true));
        assert_eq!(how("SendMessage"), (false, false));
        assert_eq!(how("Follow"), (true, false));
        assert_eq!(of("Unheard"), UNKNOWN);
    }
}
