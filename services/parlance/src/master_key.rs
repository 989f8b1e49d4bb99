//! The key that seals the secrets of apps at rest.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::Config;
use crate::data_dir::DataDir;

const FILE: &str = "master.key";

/// The key from the settings, else the one of the data folder, made at the first start.
pub(crate) fn load(config: &Config, data: Option<&DataDir>) -> anyhow::Result<[u8; 32]> {
    if let Some(text) = config.auth.master_key.expose() {
        return parse(text).context("setting `auth.master_key` must be 32 bytes in base64");
    }
    if config.production {
        bail!("with production = true the setting `auth.master_key` is required (32 random bytes in base64)");
    }
    let Some(data) = data else { bail!("without a data folder the setting `auth.master_key` is required") };
    let path = data.file(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(text.trim()).with_context(|| format!("{} does not hold a key", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => generate(&path),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn generate(path: &Path) -> anyhow::Result<[u8; 32]> {
    let key: [u8; 32] = rand::random();
    let create = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", STANDARD.encode(key))?;
        file.sync_all()
    };
    create().with_context(|| format!("make {}", path.display()))?;
    Ok(key)
}

fn parse(text: &str) -> anyhow::Result<[u8; 32]> {
    // The cause would quote parts of the key.
    let bytes = STANDARD.decode(text).map_err(|_| anyhow::anyhow!("not base64"))?;
    <[u8; 32]>::try_from(bytes).map_err(|bytes| anyhow::anyhow!("{} bytes instead of 32", bytes.len()))
}
