//! Teams in other languages: each program in `clients/` generates its client from `proto/`, signs in,
//! makes a channel, sends, follows the channel's stream, is cut off and follows on from its position.
//!
//! Everything is generated and installed in a folder under `target/`, with the commands of
//! `proto/README.md`; what was installed is used again until its lock file changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::prelude::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A team's folder: its program, a copy of `proto/`, and nothing generated.
fn workspace(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("polyglot").join(name);
    for old in ["proto", "gen", "src", "dist"] {
        let _ = fs::remove_dir_all(folder.join(old));
    }
    copy(&repository().join("integration-tests/clients").join(name), &folder);
    copy(&repository().join("proto/parlance"), &folder.join("proto/parlance"));
    folder
}

/// Installs what `lock` names, unless it has been; says so in a file once it has succeeded.
fn installed(folder: &Path, lock: &str, install: impl FnOnce()) {
    let (lock, done) = (folder.join(lock), folder.join("installed.lock"));
    if fs::read(&done).ok() != Some(fs::read(&lock).unwrap()) {
        let _ = fs::remove_file(&done);
        install();
        fs::copy(lock, done).unwrap();
    }
}

/// A Python with the libraries of the Python program, `protoc` among them, and its folder.
fn python_folder() -> (PathBuf, PathBuf) {
    static READY: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    READY
        .get_or_init(|| {
            let folder = workspace("python-grpc");
            let python = folder.join(".venv/bin/python");
            installed(&folder, "requirements.txt", || {
                run(Command::new("python3").args(["-m", "venv", "--clear", ".venv"]).current_dir(&folder));
                let pip = ["-m", "pip", "install", "--quiet", "-r", "requirements.txt"];
                run(Command::new(&python).args(pip).current_dir(&folder));
            });
            (folder, python)
        })
        .clone()
}

/// Generates code in `folder`, where `plugins` has the plugins that the arguments name.
fn protoc(folder: &Path, plugins: &str, arguments: &[&str], roots: &[&str]) {
    let mut path = vec![folder.join(plugins)];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(python_folder().1);
    command.args(["-m", "grpc_tools.protoc"]).args(arguments).current_dir(folder);
    for root in roots {
        // As protoc sees them: below the roots, and these below the folder.
        command.args(proto_files(&folder.join(root)).iter().map(|file| file.strip_prefix(folder).unwrap()));
    }
    run(command.env("PATH", std::env::join_paths(path).unwrap()));
}

fn proto_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut proto_files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Builds the client and gives the command that runs it; address and key are still to come.
fn go() -> Command {
    let folder = workspace("go");
    let plugins =
        ["google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc"];
    run(Command::new("go").args(["build", "-o", "bin/"]).args(plugins).current_dir(&folder));
    protoc(&folder, "bin", &["@protoc.args"], &["proto"]);
    run(Command::new("go").args(["build", "-o", "bin/check", "."]).current_dir(&folder));
    Command::new(folder.join("bin/check"))
}

fn python() -> Command {
    let (folder, python) = python_folder();
    fs::create_dir_all(folder.join("gen")).unwrap();
    let arguments = ["-I", "proto", "--python_out=gen", "--pyi_out=gen", "--grpc_python_out=gen"];
    protoc(&folder, "", &arguments, &["proto"]);
    let mut check = Command::new(python);
    check.arg(folder.join("check.py"));
    check
}

fn typescript() -> Command {
    let folder = workspace("typescript");
    installed(&folder, "package-lock.json", || {
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder));
    });
    fs::create_dir_all(folder.join("src/gen")).unwrap();
    let arguments =
        ["-I", "proto", "-I", "errors", "--es_out=src/gen", "--es_opt=target=ts,import_extension=js"];
    protoc(&folder, "node_modules/.bin", &arguments, &["proto", "errors"]);
    run(Command::new("npx").args(["tsc"]).current_dir(&folder));
    let mut check = Command::new("node");
    check.arg(folder.join("dist/check.js"));
    check
}

/// Runs a program against a server of its own and gives what it saw.
async fn seen(program: fn() -> Command) -> Value {
    let server = Harness::start_with(Options::new().embedded()).await;
    let grpc = server.addresses().grpc.clone();
    let line = tokio::task::spawn_blocking(move || run(program().args([grpc.as_str(), DEV_KEY])));
    let line = line.await.unwrap();
    let seen: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));

    let offsets: Vec<u64> = serde_json::from_value(seen["offsets"].clone()).unwrap();
    assert_eq!(offsets, (1..=25).collect::<Vec<_>>(), "every offset once, in order");
    let texts: Vec<String> = serde_json::from_value(seen["texts"].clone()).unwrap();
    assert_eq!(texts, (0..25).map(|number| format!("message {number}")).collect::<Vec<_>>());
    assert_eq!(seen["reasons"], json!(["MESSAGE_EMPTY", "CREDENTIALS_MISSING", "POSITION_LOST"]));
    assert_eq!(seen["repeated_as"], seen["first"], "a repeat answers the first message");
    seen
}

#[tokio::test]
async fn a_go_client_sends_and_follows_on_from_its_position() {
    let seen = seen(go).await;
    let services = ["auth.v1.AuthService", "channel.v1.ChannelService", "message.v1.MessageService"];
    for service in services.map(|name| format!("parlance.{name}")) {
        assert!(seen["services"].as_array().unwrap().contains(&json!(service)), "{service}: {seen}");
    }
}

#[tokio::test]
async fn a_python_client_sends_and_follows_on_from_its_position() {
    seen(python).await;
}

#[tokio::test]
async fn a_typescript_client_sends_and_follows_on_from_its_position() {
    seen(typescript).await;
}
