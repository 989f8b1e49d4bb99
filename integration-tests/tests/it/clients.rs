//! Stock `centrifuge` clients for Node and Python: connect, subscribe, receive, refused subscription,
//! reconnect with recovery, token refresh. The programs are in `clients/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::prelude::*;

/// Life of a token in these tests, so that clients refresh soon.
const TOKEN_S: u32 = 3;

/// Where a program is.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// The libraries of a Node program, as its lock file names them.
pub fn node_modules(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let modules = folder(name).join("node_modules");
    if !modules.join(".package-lock.json").is_file() {
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(folder(name)));
    }
    modules
}

/// A Python with the libraries of the Python program.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let venv = folder("python").join(".venv");
            let python = venv.join("bin/python");
            let known = || Command::new(&python).args(["-c", "import centrifuge"]).output();
            if !known().is_ok_and(|output| output.status.success()) {
                run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
                let requirements = folder("python").join("requirements.txt");
                run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements));
            }
            python
        })
        .clone()
}

async fn check(mut command: Command, encoding: &'static str) {
    let options = Options::new().with("dialects.chatsdk.access_ttl_s", TOKEN_S);
    let server = Harness::start_with(options).await;
    let (rest, realtime, seconds) = (server.rest_url(), server.realtime_url(), TOKEN_S.to_string());
    command.args([rest.as_str(), &realtime, DEV_KEY, encoding, &seconds]);
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    assert_eq!(output.matches("ok (").count(), 5, "{output}");
}

async fn node(encoding: &'static str) {
    tokio::task::spawn_blocking(|| node_modules("node")).await.unwrap();
    let mut command = Command::new("node");
    command.arg(folder("node").join("check.mjs"));
    check(command, encoding).await;
}

async fn python_client(encoding: &'static str) {
    let mut command = Command::new(tokio::task::spawn_blocking(python).await.unwrap());
    command.arg(folder("python").join("check.py"));
    check(command, encoding).await;
}

#[tokio::test]
async fn the_stock_node_client_works_in_json() {
    node("json").await;
}

#[tokio::test]
async fn the_stock_node_client_works_in_protobuf() {
    node("protobuf").await;
}

#[tokio::test]
async fn the_stock_python_client_works_in_json() {
    python_client("json").await;
}

#[tokio::test]
async fn the_stock_python_client_works_in_protobuf() {
    python_client("protobuf").await;
}
