//! The page to try it, as people use it: two tabs of a headless Chromium against the built binary. The program
//! and the tests of the page's pure modules are in `clients/browser`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::clients::{folder, node_modules};
use crate::prelude::*;

/// Times that the conversation is tried.
const ATTEMPTS: usize = 3;
/// Longer than all steps together take, each with its own patience.
const ALL_STEPS: Duration = Duration::from_secs(300);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where pictures of the page are kept.
fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("artefacts");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn two_people_chat_in_two_tabs_and_through_a_crash_of_the_server() {
    tokio::task::spawn_blocking(|| node_modules("browser")).await.unwrap();
    let mut failures = Vec::new();
    // A browser beside everything else on a small machine is late now and then; what is wrong is wrong each time.
    while let Err(failure) = conversation().await {
        failures.push(failure);
        assert!(
            failures.len() < ATTEMPTS,
            "{failures:?}; CHROMIUM names the browser, scripts/test installs it"
        );
    }
}

/// All steps on a server of their own.
async fn conversation() -> Result<(), String> {
    let mut server = Harness::start().await;
    let urls: Vec<String> = server.gateways().iter().map(|at| format!("http://{}", at.rest)).collect();
    let mut command = tokio::process::Command::new("node");
    command.arg(folder("browser").join("check.mjs")).arg(DEV_KEY).arg(pictures()).args(urls);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut program = command.spawn().unwrap();
    let mut answers = program.stdin.take().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let (mut steps, mut picture) = (0, None);
    let driving = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            println!("{line}");
            match line.as_str() {
                "please kill" => server.kill(),
                "please start" => server.start_again().await,
                _ => {
                    steps += usize::from(line.starts_with("ok: "));
                    picture = line.strip_prefix("picture: ").map(PathBuf::from).or(picture.take());
                    continue;
                }
            }
            answers.write_all(b"done\n").await.unwrap();
        }
        program.wait().await.unwrap()
    };
    let status = tokio::time::timeout(ALL_STEPS, driving).await.expect("the steps end in time");
    if !status.success() {
        return Err(format!("{status} after {steps} steps"));
    }
    assert!(steps > 10, "{steps} steps");
    let size = std::fs::metadata(picture.expect("a picture was taken")).unwrap().len();
    assert!(size > 20_000, "a picture of {size} bytes shows nothing");
    Ok(())
}

#[test]
fn the_models_of_the_page_keep_their_rules() {
    let report = run(Command::new("node").arg("--test").arg(folder("browser").join("models.test.mjs")));
    assert!(!report.contains("# tests 0"), "{report}");
}

#[test]
fn the_client_of_the_page_is_the_stock_one() {
    let published = node_modules("node").join("centrifuge");
    let kept = root().join("gateway/src/page/assets/vendor");
    let read =
        |path: PathBuf| std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (ours, theirs) in [("centrifuge.js", "dist/centrifuge.js"), ("centrifuge.LICENSE", "LICENSE")] {
        assert!(read(kept.join(ours)) == read(published.join(theirs)), "{ours} differs from the package");
    }
    let package: Value = serde_json::from_slice(&read(published.join("package.json"))).unwrap();
    assert_eq!(package["license"], "MIT");
    let version = package["version"].as_str().unwrap();
    let readme = String::from_utf8(read(root().join("gateway/src/page/README.md"))).unwrap();
    assert!(
        readme.contains(&format!("`centrifuge` {version}")),
        "the README names another version than {version}"
    );
}

#[tokio::test]
async fn there_is_no_page_in_production() {
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let settings = Options::new().embedded().with("production", true).with("auth.master_key", key);
    let server = Harness::start_with(settings).await;
    for path in ["/", "/page/main.mjs", "/page/vendor/centrifuge.js"] {
        server.anonymous().get(path).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn in_development_the_page_is_served_by_every_gateway_and_the_start_names_it() {
    let server = Harness::start().await;
    let http = Rest::http_client();
    for gateway in server.gateways() {
        let answer = http.get(format!("http://{}/", gateway.rest)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains(DEV_KEY));
    }
    if server.nodes().len() == 1 {
        let page = format!("http://{}/", server.addresses().rest);
        assert!(server.log().lines().any(|line| line.ends_with(&page)), "{}", server.log());
    }
}
