use std::io::IsTerminal as _;

use anyhow::Context as _;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Libraries that tell each step of what they do for us; heard from `warn` on unless they are named.
const QUIET: &str = "sea_orm_migration=warn,sqlx=warn";

/// Section `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A level, or directives `target=level` separated by commas.
    pub level: String,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    Pretty,
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Auto }
    }
}

/// Whether `log.level` is a list of levels and directives.
pub fn is_level(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// Starts logging to standard error; an error if the level is not one, or if logging was started before.
pub fn init_logs(settings: &Settings) -> anyhow::Result<()> {
    let directives = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let directives = directives.as_deref().unwrap_or(&settings.level);
    let filter = EnvFilter::try_new(format!("{QUIET},{directives}"))
        .context("log.level (or RUST_LOG) is not a list of levels and directives")?;
    let json = match settings.format {
        Format::Json => true,
        Format::Pretty => false,
        Format::Auto => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr)
        // The report of a log line that cannot be written panics where that cannot be written either.
        .log_internal_errors(false);
    let started = if json {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
    started.map_err(|cause| anyhow::anyhow!("logging cannot be started: {cause}"))
}
