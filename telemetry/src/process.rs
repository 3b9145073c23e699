//! Figures of the kernel about this process, under the usual Prometheus names.
//!
//! Read from `/proc` at every scrape; without `/proc`, the figures are left out.

use crate::names::{self, Metric};
use std::fmt::Write as _;
use std::fs;

/// Clock ticks a second in `/proc/self/stat`: a constant of the kernel's user interface.
const TICKS: f64 = 100.0;
/// Bytes of a page are not in `/proc/self/stat`, so resident memory is read from `status`, in KiB.
const KIB: f64 = 1024.0;

/// Appends the figures in the text format.
pub(crate) fn append(text: &mut String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    family(text, &names::PROCESS_CPU, cpu_seconds(&stat));
    family(text, &names::PROCESS_MEMORY, resident_bytes(&status));
    family(text, &names::PROCESS_FDS, open_fds());
    family(text, &names::PROCESS_MAX_FDS, max_fds(&limits));
    family(text, &names::PROCESS_START, start_time(&stat, &boot));
}

fn family(text: &mut String, metric: &Metric, value: Option<f64>) {
    let Some(value) = value else { return };
    let Metric { name, help, kind, .. } = metric;
    // Writing to a String cannot fail.
    let _ =
        write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n{name} {value}\n\n", kind.label());
}

/// The fields of `stat` after the command, which may hold spaces: `field(0)` is the state, the
/// third field of proc(5).
fn field(stat: &str, index: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(index)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 11)? + field(stat, 12)?) / TICKS)
}

fn start_time(stat: &str, boot: &str) -> Option<f64> {
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(boot + field(stat, 19)? / TICKS)
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * KIB)
}

fn open_fds() -> Option<f64> {
    // The listing itself holds one descriptor.
    let count = fs::read_dir("/proc/self/fd").ok()?.count().checked_sub(1)?;
    u32::try_from(count).ok().map(f64::from)
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, max_fds, resident_bytes, start_time};

    const STAT: &str = "42 (a (b) c) S 1 42 42 0 -1 4194304 900 0 0 0 250 150 0 0 20 0 3 0 12345 \
                        1 2 3";

    #[test]
    fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
        assert_eq!(cpu_seconds(STAT), Some(4.0));
        assert_eq!(start_time(STAT, "cpu 1 2\nbtime 1000\n"), Some(1123.45));
    }

    #[test]
    fn memory_and_limits_are_found_by_name() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        let limits = "Limit    Soft Limit  Hard Limit  Units\nMax open files  1024  4096  files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(max_fds("Max open files  unlimited  unlimited  files\n"), None);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(start_time(STAT, ""), None);
        assert_eq!(resident_bytes("VmRSS: many kB"), None);
    }
}
