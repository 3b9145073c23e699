//! What the kernel knows about a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time of all threads of a process so far, to the nanosecond: the scheduler's
/// own account, as the one in `stat` counts in ticks of 10 ms.
///
/// Time of threads that have ended is missing, so take differences over spans in
/// which none ends.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanos = 0u64;
    for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
        let file = task.with_context(|| format!("reading {tasks}"))?.path().join("schedstat");
        // A thread may end between the listing and this.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        nanos += on_cpu(&text).with_context(|| format!("{} holds {text:?}", file.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Resident memory of a process in KiB.
pub(super) fn resident_kib(pid: u32) -> Result<u64> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    resident(&text).with_context(|| format!("{file} has no VmRSS"))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_the_cpu_time() {
        let me = std::process::id();
        let before = cpu_time(me).expect("readable");
        let mut sum = 0u64;
        while cpu_time(me).expect("readable") < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident_kib(me).expect("readable") > 0);
    }

    #[test]
    fn the_fields_are_found() {
        assert_eq!(on_cpu("30904414 30195319 109\n"), Some(30_904_414));
        assert_eq!(resident("Name:\tx\nVmRSS:\t    4321 kB\n"), Some(4321));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
