//! One moment of all stores, and a copy of each as of then.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::manifest::{self, Copied};
use super::{ORDER, file_name};
use crate::role::Role;

/// How long a busy server may keep us from our turn to write, which holds it up for a moment.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between attempts to read a file that is locked.
const PAUSE: Duration = Duration::from_millis(50);
/// Times that a locked file is tried.
const ATTEMPTS: u32 = 600;

/// A store as of a moment, for as long as this lives.
pub struct Moment {
    role: Role,
    reading: Connection,
}

/// Begins the moment in all stores of a folder.
pub fn begin(from: &Path) -> anyhow::Result<Vec<Moment>> {
    let open = |role: Role| {
        // Never made: a store that is not there is an error.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = from.join(file_name(role));
        let connection =
            Connection::open_with_flags(&path, flags).with_context(|| format!("open {}", path.display()))?;
        connection.busy_timeout(PATIENCE)?;
        anyhow::Ok(connection)
    };
    let still = open(Role::Message)?;
    still.execute_batch("BEGIN IMMEDIATE").context("wait for the message store's turn to write")?;
    let mut moments = Vec::new();
    for role in ORDER {
        let reading = open(role)?;
        // A transaction shows what was there at its first statement.
        reading.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        moments.push(Moment { role, reading });
    }
    still.execute_batch("ROLLBACK")?;
    Ok(moments)
}

impl Moment {
    /// Copies into a file of the same name, checks it, and says what is in it.
    pub fn copy_to(self, folder: &Path) -> anyhow::Result<Copied> {
        let name = file_name(self.role);
        let path = folder.join(&name);
        // SQLite takes an empty file for a new store, and gives what it makes beside it the same mode.
        drop(super::create(&path).with_context(|| format!("make {}", path.display()))?);
        let mut copy = Connection::open(&path).with_context(|| format!("open {}", path.display()))?;
        all_pages(&self.reading, &mut copy).with_context(|| format!("copy {name}"))?;
        drop(self.reading);
        // One file without a journal beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        if self.role == Role::Message {
            // What is sent after this moment is not in the copy. A server that starts on it must not take
            // the positions of clients that have seen it for its own.
            let epoch: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
            copy.execute("UPDATE log_epoch SET epoch = ?1", [epoch])?;
        }
        let integrity: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(integrity == "ok", "the copy of {name} is damaged: {integrity}");
        let migrations = manifest::migrations(&copy)?;
        copy.close().map_err(|(_, cause)| cause)?;
        let (bytes, sha256) = manifest::digest(&path)?;
        Ok(Copied { name, bytes, sha256, migrations })
    }
}

/// All in one step: the reading transaction stays at its moment.
fn all_pages(from: &Connection, to: &mut Connection) -> anyhow::Result<()> {
    let backup = Backup::new(from, to)?;
    for _ in 0..ATTEMPTS {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ => std::thread::sleep(PAUSE),
        }
    }
    anyhow::bail!("the file stays locked")
}
