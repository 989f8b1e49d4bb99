use super::{compile, root};
use prost::Message;
use std::{collections::BTreeMap, fs, path::Path};

/// The bytes that reflection serves need no comments and positions.
fn without_source_info(mut set: prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

fn read_all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry"))
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("file"))
        })
        .collect()
}

#[test]
fn checked_in_code_is_what_the_proto_files_generate() {
    let out = tempfile::tempdir().expect("temporary folder");
    let set = compile();
    tonic_prost_build::configure()
        .build_server(true)
        .build_client(true)
        .bytes(".")
        .out_dir(out.path())
        .compile_fds(set.clone())
        .expect("code generation");
    fs::write(out.path().join("descriptor.bin"), without_source_info(set).encode_to_vec())
        .expect("descriptor");
    let _ = fs::remove_file(out.path().join("google.protobuf.rs"));

    let kept = root().join("src/gen");
    let fresh = read_all(out.path());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        for (name, bytes) in &fresh {
            fs::write(kept.join(name), bytes).expect("write");
        }
    }
    let kept = read_all(&kept);
    assert_eq!(kept.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>(), "files in src/gen");
    for (name, bytes) in &fresh {
        assert!(
            kept[name] == *bytes,
            "src/gen/{name} is stale: run UPDATE_GENERATED=1 cargo test -p parlance-proto"
        );
    }
}
