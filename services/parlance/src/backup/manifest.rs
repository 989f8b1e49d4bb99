//! What a backup holds, so that it can be checked without a server.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use parlance_core::{Clock as _, SystemClock};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const FILE: &str = "manifest.json";

/// `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that made it.
    pub parlance: String,
    /// ISO 8601.
    pub made_at: String,
    pub files: Vec<Copied>,
    /// Whether the master key is in the folder.
    pub master_key: bool,
}

/// A copied store.
#[derive(Debug, Serialize, Deserialize)]
pub struct Copied {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    /// Names of the migrations that have run, oldest first.
    pub migrations: Vec<String>,
}

impl Manifest {
    pub fn new(files: Vec<Copied>, master_key: bool) -> Self {
        let made_at = SystemClock.now().iso_millis();
        Self { parlance: env!("CARGO_PKG_VERSION").to_owned(), made_at, files, master_key }
    }

    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let write = || -> std::io::Result<()> {
            let mut file = super::create(&folder.join(FILE))?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()?;
            // The names of all files as well.
            File::open(folder)?.sync_all()
        };
        write().with_context(|| format!("write {FILE}"))
    }

    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("read {}: without it a backup is unfinished", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no manifest", path.display()))
    }
}

/// Names of the migrations that a store has been through.
pub fn migrations(store: &Connection) -> anyhow::Result<Vec<String>> {
    let mut statement = store.prepare("SELECT version FROM seaql_migrations ORDER BY version")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Length and SHA-256 of a file.
pub fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let read = || -> std::io::Result<(u64, String)> {
        let (mut file, mut digest, mut bytes) = (File::open(path)?, Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            bytes += read as u64;
        }
        let hex = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((bytes, hex))
    };
    read().with_context(|| format!("read {}", path.display()))
}
