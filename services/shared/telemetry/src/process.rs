//! What the operating system knows about this process. Where there is no `/proc` nothing is told.

use std::sync::LazyLock;
use std::time::Instant;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(crate) fn describe() {
    LazyLock::force(&STARTED);
    metrics::describe_gauge!("process_resident_memory_bytes", "Memory of the process that is in RAM.");
    metrics::describe_gauge!("process_open_fds", "Open files and sockets.");
    metrics::describe_gauge!("process_uptime_seconds", "Time since the start.");
}

pub(crate) fn record() {
    metrics::gauge!("process_uptime_seconds").set(STARTED.elapsed().as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the directory being read.
        metrics::gauge!("process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
