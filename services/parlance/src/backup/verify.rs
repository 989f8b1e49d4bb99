//! Whether a backup is whole, and its stores fit each other.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::manifest::{self, Manifest};
use super::{ORDER, file_name};
use crate::master_key;
use crate::role::Role;

/// Every problem of the backup in a folder; empty = none. Changes nothing in it.
pub fn verify(folder: &Path) -> anyhow::Result<Vec<String>> {
    let manifest = Manifest::read(folder)?;
    let mut problems = Vec::new();
    for role in ORDER {
        if !manifest.files.iter().any(|file| file.name == file_name(role)) {
            problems.push(format!("{} is not in the manifest", file_name(role)));
        }
    }
    for file in &manifest.files {
        let path = folder.join(&file.name);
        match manifest::digest(&path) {
            Err(problem) => problems.push(format!("{problem:#}")),
            Ok(found) if found != (file.bytes, file.sha256.clone()) => {
                problems.push(format!("{} is not what the manifest says", file.name));
            }
            Ok(_) => match open(&path).and_then(|store| integrity(&store)) {
                Ok(integrity) if integrity == "ok" => {}
                Ok(integrity) => problems.push(format!("{}: {integrity}", file.name)),
                Err(problem) => problems.push(format!("{}: {problem}", file.name)),
            },
        }
    }
    if manifest.master_key && !folder.join(master_key::FILE).is_file() {
        problems.push(format!("{} is missing", master_key::FILE));
    }
    if problems.is_empty() {
        for (consumer, log) in [(Role::Message, Role::Channel), (Role::Channel, Role::Auth)] {
            let (at, top) = positions(folder, consumer, log)?;
            if at > top {
                problems.push(format!("{consumer} has consumed {at} facts of {log}, which has only {top}"));
            }
        }
    }
    Ok(problems)
}

/// How far a consumer has come, and how far the log goes that it reads.
fn positions(folder: &Path, consumer: Role, log: Role) -> rusqlite::Result<(i64, i64)> {
    let at = open(&folder.join(file_name(consumer)))?.query_row(
        "SELECT coalesce(max(position), 0) FROM consumer_positions WHERE service = ?1",
        [log.name()],
        |row| row.get(0),
    )?;
    // Old facts are swept away; the counter stays.
    let top = open(&folder.join(file_name(log)))?.query_row(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'",
        [],
        |row| row.get(0),
    )?;
    Ok((at, top))
}

fn integrity(store: &Connection) -> rusqlite::Result<String> {
    store.query_row("PRAGMA integrity_check", [], |row| row.get(0))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}
