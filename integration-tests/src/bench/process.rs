//! What the kernel says about a process.

use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks per second in `/proc/<pid>/stat`: 100 on every Linux that one meets.
const TICKS_PER_S: u64 = 100;

/// Processor time that a process has used, in user and kernel mode, all threads; in steps of 10 ms.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read /proc/<pid>/stat")?;
    ticks(&stat).map(|ticks| Duration::from_millis(ticks * 1000 / TICKS_PER_S)).context("/proc/<pid>/stat")
}

/// Fields 14 and 15; the name in field 2 may hold spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Processor time that the whole machine has used.
pub fn machine() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    // user nice system idle iowait irq softirq steal; idle and iowait are not used.
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().context("/proc/stat")?;
    let used = ticks.iter().enumerate().filter(|(place, _)| !matches!(place, 3 | 4)).map(|(_, ticks)| ticks);
    Ok(Duration::from_millis(used.sum::<u64>() * 1000 / TICKS_PER_S))
}

/// Processor time of the one who is measured, the generator, and everybody on the machine.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub measured: Duration,
    pub generator: Duration,
    machine: Duration,
}

impl Usage {
    pub fn now(measured: u32) -> anyhow::Result<Self> {
        Ok(Self { measured: cpu(measured)?, generator: cpu(std::process::id())?, machine: machine()? })
    }

    pub fn since(self, earlier: Self) -> Self {
        Self {
            measured: self.measured - earlier.measured,
            generator: self.generator - earlier.generator,
            machine: self.machine - earlier.machine,
        }
    }

    /// What others took: kernel threads, and whatever disturbs the run.
    pub fn others(&self) -> Duration {
        self.machine.saturating_sub(self.measured + self.generator)
    }
}

/// Resident memory of a process in KB.
pub fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read /proc/<pid>/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kb = line.trim().trim_end_matches("kB").trim();
    kb.parse().context("VmRSS is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_an_odd_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0 7 0 0";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn our_own_process_has_memory() {
        assert!(resident_kb(std::process::id()).unwrap() > 100);
        assert!(cpu(std::process::id()).is_ok());
    }
}
