//! The server against its own description: `clients/openapi` calls every operation of `/openapi.json` with what it
//! allows and what it forbids.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use parlance_integration_tests::loopback::{Loopback, answer};
use parlance_integration_tests::push::Admin;
use parlance_proto::notification::ProviderKind;

use crate::prelude::*;

/// A page with everything that a preview can show.
const PAGE: &str = r#"<!doctype html><title>A page</title><meta property="og:description" content="What it says">
<meta property="og:image" content="/picture.png"><meta property="og:site_name" content="Example">"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/openapi")
}

/// A Python with the libraries of the program; made anew when they change.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let (venv, wanted) = (folder().join(".venv"), folder().join("requirements.txt"));
            let (python, done) = (venv.join("bin/python"), venv.join("requirements.txt"));
            if std::fs::read(&done).ok() != Some(std::fs::read(&wanted).unwrap()) {
                run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
                run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&wanted));
                std::fs::copy(wanted, done).unwrap();
            }
            python
        })
        .clone()
}

#[tokio::test]
async fn every_answer_is_as_the_description_says() {
    let page = Loopback::serve(|_| answer(200, "text/html", PAGE)).await;
    let options = Options::new().with("link_preview.allow_private_networks", true);
    let server = Harness::start_with(options).await;
    let settings = json!({"subject": "mailto:ops@example.com"});
    Admin::of(&server).await.set_provider(ProviderKind::WebPush, &settings, &json!({})).await;
    let (url, page_url) = (server.rest_url(), page.url.clone());
    let check = move || {
        let mut command = Command::new(python());
        run(command.arg(folder().join("check.py")).args([url.as_str(), DEV_KEY, &page_url]))
    };
    let output = tokio::task::spawn_blocking(check).await.unwrap();
    let described = server.anonymous().get("/openapi.json").await.ok();
    let paths = described["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert!(output.contains(&format!("ok: {operations} operations")), "{output}");
}

#[tokio::test]
async fn the_page_and_the_description_are_served_and_can_be_switched_off() {
    let server = Harness::start().await;
    let page = server.anonymous().get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").is_some());

    let quiet = Harness::start_with(Options::new().with("gateway.docs", false)).await;
    for path in ["/docs", "/openapi.json"] {
        quiet.anonymous().get(path).await.refused(404, "NOT_FOUND");
    }
}
