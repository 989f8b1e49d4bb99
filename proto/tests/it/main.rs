//! The checked-in code is what the `.proto` files say, and the packages only ever grow.

mod additive;
mod generated;

use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn compile() -> prost_types::FileDescriptorSet {
    let files: Vec<PathBuf> = [
        "auth/v1/auth",
        "channel/v1/model",
        "channel/v1/channel",
        "event/v1/event",
        "event/v1/bus",
        "link_preview/v1/model",
        "link_preview/v1/link_preview",
        "message/v1/model",
        "message/v1/message",
        "notification/v1/notification",
        "presence/v1/presence",
    ]
    .iter()
    .map(|name| root().join(format!("parlance/{name}.proto")))
    .collect();
    let mut compiler = protox::Compiler::new([root()]).expect("include path");
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(files)
        .expect("the .proto files compile");
    compiler.file_descriptor_set()
}
