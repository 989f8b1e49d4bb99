//! The rules of the house, over the dependency graph and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Services by rank: calls go down.
const RANKS: &[(&str, &str, u32)] = &[
    ("parlance-auth", "AuthClient", 0),
    ("parlance-link-preview", "LinkPreviewClient", 0),
    ("parlance-channel", "ChannelClient", 1),
    ("parlance-presence", "PresenceClient", 2),
    ("parlance-message", "MessageClient", 2),
];
const GATEWAY: &str = "parlance-gateway";
const FETCH: &str = "parlance-fetch";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The platform that was built for; packages of others need not have been downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

/// What cargo knows of the workspace and everything under it.
struct Graph {
    packages: BTreeMap<String, Value>,
    /// Normal dependencies of each package id.
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn load() -> Self {
        let output = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--offline",
                "--filter-platform",
                &host(),
            ])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let packages = metadata["packages"].as_array().unwrap();
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        let normal = |dependency: &&Value| {
            dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
        };
        let edges = nodes.iter().map(|node| {
            let dependencies = node["deps"].as_array().unwrap().iter().filter(normal);
            (id(node), dependencies.map(|one| one["pkg"].as_str().unwrap().to_owned()).collect())
        });
        Self { packages: packages.iter().map(|one| (id(one), one.clone())).collect(), edges: edges.collect() }
    }

    fn name(&self, id: &str) -> &str {
        self.packages[id]["name"].as_str().unwrap()
    }

    fn id(&self, name: &str) -> &str {
        let mut found = self.packages.keys().filter(|id| self.name(id) == name);
        found.next().unwrap_or_else(|| panic!("no package {name}"))
    }

    /// Names of everything under a package, by normal dependencies.
    fn under(&self, name: &str) -> BTreeSet<&str> {
        let mut open = vec![self.id(name)];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            for next in &self.edges[id] {
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        seen.into_iter().map(|id| self.name(id)).collect()
    }

    fn source_folder(&self, name: &str) -> PathBuf {
        let manifest = self.packages[self.id(name)]["manifest_path"].as_str().unwrap();
        Path::new(manifest).parent().unwrap().join("src")
    }
}

/// All files under a folder with one of these endings.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", ".venv", ".git", "data"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                all.push(path);
            }
        }
    }
    all
}

#[test]
fn no_service_depends_on_another_and_none_on_the_gateway() {
    let graph = Graph::load();
    for (service, _, _) in RANKS {
        let under = graph.under(service);
        for (other, _, _) in RANKS.iter().filter(|(other, _, _)| other != service) {
            assert!(!under.contains(other), "{service} depends on {other}");
        }
        assert!(!under.contains(GATEWAY), "{service} depends on the gateway");
    }
}

#[test]
fn the_gateway_has_no_sql_and_no_service_under_it() {
    let graph = Graph::load();
    let under = graph.under(GATEWAY);
    for name in &under {
        let sql = name.starts_with("sea-orm") || name.starts_with("sqlx") || name.starts_with("libsqlite3");
        assert!(!sql && *name != "parlance-sql", "the gateway depends on {name}");
    }
    for (service, _, _) in RANKS {
        assert!(!under.contains(service), "the gateway depends on {service}");
    }
}

#[test]
fn services_call_only_services_of_lower_rank() {
    let graph = Graph::load();
    for (service, _, rank) in RANKS {
        for path in files(&graph.source_folder(service), &[".rs"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (other, client, other_rank) in RANKS {
                let generated = client.replace("Client", "ServiceClient");
                let names = text.contains(client) || text.contains(&generated);
                assert!(!names || other_rank < rank, "{} calls {other}", path.display());
            }
        }
    }
}

#[test]
fn only_the_composition_root_knows_all_services() {
    let graph = Graph::load();
    let services: Vec<&str> = RANKS.iter().map(|(name, _, _)| *name).collect();
    for id in graph.edges.keys() {
        let direct: BTreeSet<&str> = graph.edges[id].iter().map(|next| graph.name(next)).collect();
        let known = services.iter().filter(|service| direct.contains(*service)).count();
        assert!(known == 0 || graph.name(id) == "parlance", "{} depends on services", graph.name(id));
    }
}

/// Addresses written by users are opened by these services alone. The composition root and these tests
/// install the crypto provider, which lives in the same crate; nothing else of it is theirs.
#[test]
fn only_link_preview_and_notification_open_addresses_written_by_users() {
    let graph = Graph::load();
    for id in graph.edges.keys() {
        let name = graph.name(id);
        if !graph.edges[id].iter().any(|next| graph.name(next) == FETCH) {
            continue;
        }
        match name {
            "parlance-link-preview" | "parlance-notification" => {}
            "parlance" | "parlance-integration-tests" => {
                for path in files(&graph.source_folder(name), &[".rs"]) {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let rest = text.replace("parlance_fetch::tls::install()", "");
                    assert!(!rest.contains("parlance_fetch"), "{} fetches", path.display());
                }
            }
            _ => panic!("{name} depends on {FETCH}"),
        }
    }
}

#[test]
fn licences_are_on_the_list_of_deny_toml() {
    let graph = Graph::load();
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let allowed: BTreeSet<String> = list_after(&deny, "allow = [").into_iter().collect();
    assert!(allowed.contains("Apache-2.0"), "{allowed:?}");
    for package in graph.packages.values() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        assert!(permits(licence, &allowed), "{name} has the licence {licence}");
    }
}

/// The quoted words between an opening and the next `]`.
fn list_after(text: &str, opening: &str) -> Vec<String> {
    let start = text.find(opening).unwrap_or_else(|| panic!("no {opening}")) + opening.len();
    let list = &text[start..start + text[start..].find(']').unwrap()];
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be satisfied by the allowed licences alone.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let answer = either(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "not an SPDX expression: {expression}");
    answer
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut answer = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        let right = all(words, at, allowed);
        answer |= right;
    }
    answer
}

fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut answer = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        let right = one(words, at, allowed);
        answer &= right;
    }
    answer
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = *words.get(*at).unwrap_or(&"");
    *at += 1;
    if word == "(" {
        let answer = either(words, at, allowed);
        *at += 1;
        return answer;
    }
    let mut licence = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"];
    let allowed: BTreeSet<String> = allowed.map(str::to_owned).into();
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0 OR MIT AND ISC",
        "(MIT OR GPL-3.0) AND ISC",
        "MIT/Apache-2.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND GPL-3.0", "ISC WITH odd-exception"] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}

#[test]
fn lock_files_record_no_download_hosts() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, format!("source = \"{REGISTRY}\""));
    }
    for path in files(&root(), &["package-lock.json", "requirements.txt"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for host in ["http:", "https:", "\"resolved\"", "--index", "@ file"] {
            assert!(!text.contains(host), "{} names {host}", path.display());
        }
    }
}

#[test]
fn no_test_is_switched_off_and_no_stub_is_left() {
    // Put together here, so that this file does not name what it looks for.
    let forbidden = [["#[ig", "nore"], ["tod", "o!("], ["unimple", "mented!("], ["FIX", "ME"]]
        .map(|parts| parts.concat());
    for path in files(&root(), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in &forbidden {
            assert!(!text.contains(word.as_str()), "{} has {word}", path.display());
        }
    }
}

#[test]
fn every_crate_says_what_it_is_for() {
    let graph = Graph::load();
    for package in graph.packages.values().filter(|package| package["source"].is_null()) {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let readme = manifest.parent().unwrap().join("README.md");
        let text = std::fs::read_to_string(&readme).unwrap_or_default();
        assert!(text.lines().count() > 2, "{} says nothing", readme.display());
    }
}
