//! Figures of the kernel about a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// One tick of the times in `stat`: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process so far, threads that have ended included.
///
/// Two accounts, each of which can only be too low: the process's own in `stat` counts in
/// ticks of 10 ms, the scheduler's counts nanoseconds, but of living threads only. The higher
/// one is closer, and exact as long as no thread has ended.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let file = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let whole = of_process(&text).with_context(|| format!("{file} holds {text:?}"))?;
    Ok(whole.max(of_living_threads(pid, "")?))
}

/// CPU time so far of the living threads whose names begin so.
pub(super) fn of_living_threads(pid: u32, name: &str) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanos = 0u64;
    for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
        let task = task.with_context(|| format!("reading {tasks}"))?.path();
        let file = task.join("schedstat");
        // A thread may end between the listing and this.
        let (Ok(text), Ok(named)) =
            (fs::read_to_string(&file), fs::read_to_string(task.join("comm")))
        else {
            continue;
        };
        if !named.starts_with(name) {
            continue;
        }
        nanos += on_cpu(&text).with_context(|| format!("{} holds {text:?}", file.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// User and system time: fields 14 and 15 (proc_pid_stat(5)). The name in field 2 may hold
/// spaces and parentheses, so counting starts behind it.
fn of_process(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(") ")?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()?.checked_add(ticks()?)?))
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

/// The highest number of open files that a process started by us may have.
pub(super) fn open_files_limit() -> Result<u32> {
    let text = fs::read_to_string("/proc/self/limits").context("reading /proc/self/limits")?;
    open_files(&text).context("/proc/self/limits has no `Max open files`")
}

fn open_files(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let hard = line.split_whitespace().nth(1)?;
    // "unlimited" is more than anybody needs here.
    Some(hard.parse().unwrap_or(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(time: Duration) {
        let before = std::time::Instant::now();
        let mut sum = 0u64;
        while before.elapsed() < time {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }

    #[test]
    fn work_shows_in_the_cpu_time() {
        let me = std::process::id();
        let before = cpu_time(me).expect("readable");
        while cpu_time(me).expect("readable") < before + Duration::from_millis(20) {
            work(Duration::from_millis(1));
        }
        assert!(resident_kib(me).expect("readable") > 0);
    }

    #[test]
    fn threads_are_told_apart_by_name() {
        let me = std::process::id();
        let of = |name| of_living_threads(me, name).expect("readable");
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let busy = std::thread::Builder::new().name("busy-7".to_owned()).spawn(move || {
            while of_living_threads(me, "busy").expect("readable") < TICK {
                work(Duration::from_millis(1));
            }
            let _ = end.recv();
        });
        let busy = busy.expect("a thread");
        while of("busy") < TICK {
            work(Duration::from_millis(1));
        }
        assert_eq!(of("idle"), Duration::ZERO);
        assert!(of("") >= TICK);
        drop(ended);
        busy.join().expect("it worked");
    }

    #[test]
    fn the_work_of_a_thread_that_ended_still_counts() {
        let me = std::process::id();
        let used = std::thread::spawn(move || {
            let before = cpu_time(me).expect("readable");
            while cpu_time(me).expect("readable") < before + 3 * TICK {
                work(Duration::from_millis(1));
            }
            cpu_time(me).expect("readable")
        });
        let used = used.join().expect("it worked");
        // Both times are cut off by at most a tick each.
        assert!(cpu_time(me).expect("readable") + 2 * TICK >= used);
    }

    #[test]
    fn the_fields_are_found() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 1 2 3";
        assert_eq!(of_process(stat), Some(Duration::from_secs(3)));
        assert_eq!(of_process("7 (a"), None);
        assert_eq!(on_cpu("30904414 30195319 109\n"), Some(30_904_414));
        assert_eq!(resident("Name:\tx\nVmRSS:\t    4321 kB\n"), Some(4321));
        assert_eq!(resident("Name:\tx\n"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  20000  files\n";
        assert_eq!(open_files(limits), Some(20_000));
    }
}
