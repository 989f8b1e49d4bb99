use super::{compile, root};
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::{collections::BTreeMap, fs};

/// Everything in a descriptor that somebody may rely on: a path, and what it must keep meaning.
fn promises(set: &FileDescriptorSet) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for file in &set.file {
        if file.package().starts_with("parlance.") {
            file_promises(file, &mut out);
        }
    }
    out
}

fn file_promises(file: &FileDescriptorProto, out: &mut BTreeMap<String, String>) {
    let package = file.package();
    for message in &file.message_type {
        message_promises(package, message, out);
    }
    for item in &file.enum_type {
        enum_promises(package, item, out);
    }
    for service in &file.service {
        for call in &service.method {
            out.insert(
                format!("call {package}.{}/{}", service.name(), call.name()),
                format!(
                    "{} -> {} {} {}",
                    call.input_type(),
                    call.output_type(),
                    call.client_streaming(),
                    call.server_streaming()
                ),
            );
        }
    }
}

fn message_promises(prefix: &str, message: &DescriptorProto, out: &mut BTreeMap<String, String>) {
    let name = format!("{prefix}.{}", message.name());
    out.insert(format!("message {name}"), String::new());
    for field in &message.field {
        out.insert(
            format!("field {name}#{}", field.number()),
            format!(
                "{} {:?} {:?} {} {:?}",
                field.name(),
                field.r#type(),
                field.label(),
                field.type_name(),
                // A field that moves into or out of a oneof changes presence.
                field.oneof_index.is_some()
            ),
        );
    }
    for nested in &message.nested_type {
        message_promises(&name, nested, out);
    }
    for item in &message.enum_type {
        enum_promises(&name, item, out);
    }
}

fn enum_promises(prefix: &str, item: &EnumDescriptorProto, out: &mut BTreeMap<String, String>) {
    for value in &item.value {
        out.insert(format!("value {prefix}.{}#{}", item.name(), value.number()), value.name().to_owned());
    }
}

/// What of `old` is gone or means something else in `new`.
fn broken(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    old.iter()
        .filter_map(|(path, meaning)| match new.get(path) {
            None => Some(format!("{path} was removed")),
            Some(now) if now != meaning => Some(format!("{path}: {meaning} became {now}")),
            Some(_) => None,
        })
        .collect()
}

#[test]
fn packages_only_grow_since_the_kept_descriptor() {
    let path = root().join("compatibility/kept.bin");
    let mut now = compile();
    for file in &mut now.file {
        file.source_code_info = None;
    }
    if std::env::var_os("UPDATE_KEPT").is_some() {
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(&path, now.encode_to_vec()).expect("write");
    }
    let kept = FileDescriptorSet::decode(&*fs::read(&path).expect("kept descriptor"))
        .expect("kept descriptor decodes");
    let broken = broken(&promises(&kept), &promises(&now));
    assert!(broken.is_empty(), "not additive:\n{}", broken.join("\n"));
}

#[test]
fn a_removed_field_a_changed_type_and_a_removed_call_are_each_reported() {
    let old = promises(&compile());
    let mut new = old.clone();
    let field = "field parlance.message.v1.Message#7";
    let call = "call parlance.message.v1.MessageService/SendMessage";
    let retyped = "field parlance.message.v1.Message#4";
    assert!(new.remove(field).is_some() && new.remove(call).is_some());
    new.insert(retyped.into(), "seq String".into());
    let found = broken(&old, &new);
    assert_eq!(found.len(), 3, "{found:?}");
    for path in [field, call, retyped] {
        assert!(found.iter().any(|line| line.starts_with(path)), "{found:?}");
    }
}
