//! A share of a processor for a process, by control group (version 1 or 2).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

const PERIOD_US: u64 = 20_000;

/// A limit on processes; gone when dropped (they must have ended).
pub struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// At most `share` of one processor for all processes that are put under it together.
    pub fn new(name: &str, share: f64) -> anyhow::Result<Self> {
        let quota = (PERIOD_US as f64 * share) as u64;
        let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").is_file();
        let root = match (unified, Path::new("/sys/fs/cgroup/cpu").is_dir()) {
            (true, _) => Path::new("/sys/fs/cgroup"),
            (false, true) => Path::new("/sys/fs/cgroup/cpu"),
            (false, false) => bail!("there are no control groups"),
        };
        let folder = root.join(format!("parlance-bench-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        let made = Self { folder };
        if unified {
            made.write("cpu.max", &format!("{quota} {PERIOD_US}"))?;
        } else {
            made.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            made.write("cpu.cfs_quota_us", &quota.to_string())?;
        }
        Ok(made)
    }

    /// Puts a process and its threads under the limit.
    pub fn take(&self, pid: u32) -> anyhow::Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.join(file);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Refused while a process is still in it.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
