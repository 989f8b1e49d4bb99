//! `parlance backup`: a copy of the SQLite stores, taken beside a running server, that a server starts on.
//!
//! All copies show one moment: while nobody can commit a message, a reading transaction is begun on
//! notification, message, channel, link-preview and auth, in this order. So channel knows of no message that the copy of message lacks (it is
//! told of messages after their commit), and no consumer is ahead of the log that it reads (logs of lower
//! ranks are at most newer). Sends wait for that moment only, not for the copying.

mod copy;
mod manifest;
mod verify;

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::config::Config;
use crate::master_key;
use crate::role::Role;

pub use verify::verify;

/// Stores in the order in which their moments begin.
const ORDER: [Role; 5] = [Role::Notification, Role::Message, Role::Channel, Role::LinkPreview, Role::Auth];

/// What came of it.
pub enum Outcome {
    /// Files are where they were asked for; a sentence for people.
    Made(String),
    /// Some stores are on PostgreSQL: nothing was copied; what to run instead.
    NotHere(String),
}

/// Copies the stores to the folder `to`, which is made for its owner alone, or is there and empty. All files
/// in it are for their owner alone.
pub async fn run(config: &Config, to: &Path, include_master_key: bool) -> anyhow::Result<Outcome> {
    let elsewhere: Vec<Role> =
        ORDER.into_iter().filter(|role| config.database_url(*role).is_some()).collect();
    if !elsewhere.is_empty() {
        return Ok(Outcome::NotHere(on_postgres(&elsewhere)));
    }
    let (from, to) = (config.data_dir.clone(), to.to_owned());
    let key = match include_master_key {
        true => Some(master_key::file_of(config).context(
            "--include-master-key: the key is in the setting `auth.master_key`, not in the data folder",
        )?),
        false => None,
    };
    let made = tokio::task::spawn_blocking(move || make(&from, &to, key)).await??;
    Ok(Outcome::Made(made))
}

fn make(from: &Path, to: &Path, master_key: Option<PathBuf>) -> anyhow::Result<String> {
    for role in ORDER {
        let file = from.join(file_name(role));
        ensure!(file.is_file(), "there is no {}: is --data-dir the folder of a server?", file.display());
    }
    take(to)?;
    let moments = copy::begin(from)?;
    let mut files = Vec::new();
    for moment in moments {
        files.push(moment.copy_to(to)?);
    }
    if let Some(key) = &master_key {
        copy_key(key, &to.join(master_key::FILE)).with_context(|| format!("copy {}", key.display()))?;
    }
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    // Last: a folder without it is unfinished.
    manifest::Manifest::new(files, master_key.is_some()).write(to)?;
    let beside = match master_key {
        Some(_) => "The key is in it: keep it as you keep passwords.",
        None => "Keep the master key as well: without it the secrets of apps cannot be read.",
    };
    Ok(format!("{} ({bytes} bytes). {beside}\n", to.display()))
}

/// Makes the folder, for its owner alone; refuses one that holds anything.
fn take(to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        let mut entries = std::fs::read_dir(to).with_context(|| format!("read {}", to.display()))?;
        if entries.next().is_some() {
            bail!("{} is not empty; nothing is overwritten", to.display());
        }
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .with_context(|| format!("make the folder {}", to.display()))
}

/// Makes a file for its owner alone, whatever the folder and the umask: there are secrets in it.
fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn copy_key(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut copy = create(to)?;
    std::io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

fn file_name(role: Role) -> String {
    format!("{}.db", role.key())
}

/// What to run for stores that are not ours to copy.
fn on_postgres(roles: &[Role]) -> String {
    let mut text = "These stores are on PostgreSQL. Back them up with its own tools, in this order (a later \
                    one may be newer than an earlier one, not older):\n\n"
        .to_owned();
    for role in roles {
        text.push_str(&format!(
            "  pg_dump --format=custom --schema=parlance_{role} --file=parlance_{role}.dump \
             \"$PARLANCE_{}_URL\"\n",
            role.name().to_uppercase()
        ));
    }
    text.push_str(
        "\nEach URL is that of `services.<name>.database.url`, or of `database.url`. Better: if all are in one \
         database,\none pg_dump of it with all these schemas shows one moment. After restoring, and before the \
         first start:\n\n  DELETE FROM parlance_message.log_epoch;\n\nso that clients with newer positions are told \
         that these are gone.\n",
    );
    text
}
