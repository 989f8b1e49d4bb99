//! The folder that one process owns: databases, generated keys, and where the process listens.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Serialize;

const LOCK: &str = "parlance.lock";
const LISTEN: &str = "listen.json";

/// An existing data folder.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// A data folder that no other server uses until this is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    folder: DataDir,
    _lock: File,
}

/// Where a process listens, as bound; written to `listen.json` in the data folder while it runs.
#[derive(Debug, Clone, Serialize)]
pub struct Addresses {
    /// REST and realtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<SocketAddr>,
    /// Realtime alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<SocketAddr>,
    /// Health and metrics, if they have a listener of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ops: Option<SocketAddr>,
}

impl DataDir {
    /// Opens the folder; makes it when missing, for its owner alone.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("make the data folder {}", path.display()))?;
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the folder for this process; the lock ends with the process, however it ends.
    pub(crate) fn lock(self) -> anyhow::Result<Locked> {
        let path = self.file(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.read_to_string(&mut owner);
                bail!(
                    "the data folder {} is in use by another parlance process (pid {}); stop it, or give \
                     this one a folder of its own with --data-dir",
                    self.path.display(),
                    if owner.trim().is_empty() { "unknown" } else { owner.trim() },
                );
            }
            Err(TryLockError::Error(cause)) => {
                return Err(cause).with_context(|| format!("lock {}", path.display()));
            }
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .with_context(|| format!("write {}", path.display()))?;
        let locked = Locked { folder: self, _lock: lock };
        // What a killed server left.
        locked.unpublish();
        Ok(locked)
    }
}

impl std::ops::Deref for Locked {
    type Target = DataDir;

    fn deref(&self) -> &DataDir {
        &self.folder
    }
}

impl Locked {
    /// Says where this process listens; readers never see half of it.
    pub(crate) fn publish(&self, addresses: &Addresses) -> anyhow::Result<()> {
        let text = serde_json::to_string(addresses)?;
        let unfinished = self.file("listen.json.new");
        std::fs::write(&unfinished, text)
            .and_then(|()| std::fs::rename(&unfinished, self.file(LISTEN)))
            .context("write listen.json")
    }

    pub(crate) fn unpublish(&self) {
        let _ = std::fs::remove_file(self.file(LISTEN));
    }
}
