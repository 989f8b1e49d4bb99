use std::path::PathBuf;

/// Why settings were refused. Never quotes a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("unknown setting `{key}` in {origin}; `parlance config print` lists all that exist")]
    UnknownKey { key: String, origin: String },
    #[error("setting `{key}` in {origin} must be {expected}")]
    WrongType { key: String, origin: String, expected: &'static str },
    #[error("cannot read the configuration file {path}: {cause}", path = path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{origin} is not valid TOML: {place}")]
    Malformed { origin: String, place: String },
    #[error("settings: {0}")]
    Rejected(config::ConfigError),
}
