use std::fmt;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use serde::Deserialize;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FmtSpan, Format as Lines, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use crate::trace;

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
        let lines = Lines::default().json().flatten_event(true);
        let lines = lines.with_current_span(true).with_span_list(false);
        builder.fmt_fields(JsonFields::new()).event_format(WithTrace(lines)).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
    started.map_err(|cause| anyhow::anyhow!("logging cannot be started: {cause}"))
}

/// JSON lines that name the trace their task works for.
struct WithTrace(Lines<Json>);

impl<S> FormatEvent<S, JsonFields> for WithTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let named = trace::with_current_id(|id| match line.trim_end().strip_suffix('}') {
            Some(object) => writeln!(writer, "{object},\"trace_id\":\"{id}\"}}"),
            None => writer.write_str(&line),
        });
        named.unwrap_or_else(|| writer.write_str(&line))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_of_a_traced_task_names_its_trace_and_others_do_not() {
        let kept = Kept::default();
        let lines = Lines::default().json().flatten_event(true);
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(WithTrace(lines))
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let place = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        trace::within(place, async { tracing::info!(count = 1, "traced") }).await;
        tracing::info!("alone");
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let (first, second) = text.trim_end().split_once('\n').unwrap();
        assert!(first.ends_with(",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"), "{first}");
        assert!(first.contains("\"count\":1") && !second.contains("trace_id"), "{text}");
    }
}
