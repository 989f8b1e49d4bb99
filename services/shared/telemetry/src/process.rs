//! What the operating system knows about this process. Where there is no `/proc` nothing is told.

use std::sync::LazyLock;
use std::time::Instant;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(crate) fn started() {
    LazyLock::force(&STARTED);
}

pub(crate) fn record() {
    metrics::gauge!("process_uptime_seconds").set(STARTED.elapsed().as_secs_f64());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        if let Some(kilobytes) = line("VmRSS").and_then(first_number) {
            metrics::gauge!("process_resident_memory_bytes").set(kilobytes * 1024.0);
        }
        if let Some(threads) = line("Threads").and_then(first_number) {
            metrics::gauge!("process_threads").set(threads);
        }
    }
    if let Some(seconds) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat))
    {
        metrics::gauge!("process_cpu_seconds_total").set(seconds);
    }
    if let Ok(limits) = std::fs::read_to_string("/proc/self/limits")
        && let Some(most) = limits.lines().find_map(|line| line.strip_prefix("Max open files"))
        && let Some(most) = first_number(most)
    {
        metrics::gauge!("process_max_fds").set(most);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the directory being read.
        metrics::gauge!("process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15, user and system time; the name of the program before them may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 9 0 1 1 1";
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(cpu_seconds(stat), Some(200.0 / per_second));
    }
}
