//! System calls per request, counted by strace.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::case::Case;
use crate::bench::lab::Lab;
use crate::bench::load::{self, Effort};
use crate::bench::proxy::Proxy;
use crate::process::Background;

/// Counts the system calls of all threads of a proxy while it serves a load.
///
/// Some machines forbid that, and then there is no figure. strace makes each call slower but not more of them; where a slower proxy finds
/// more to do per wake-up, the count comes out a little low.
pub(super) fn per_request(lab: &Lab, proxy: &Proxy, case: &Case, effort: Effort) -> Result<f64> {
    let pid = proxy.pid().with_context(|| format!("{} has no process", proxy.label()))?;
    let counts = lab.dir().join("strace.txt");
    let said = lab.dir().join("strace.log");
    let log = File::create(&said).with_context(|| format!("creating {}", said.display()))?;
    let mut strace = Background::start(
        "strace",
        Command::new("strace")
            .args(["-c", "-f", "-o"])
            .arg(&counts)
            .arg("-p")
            .arg(pid.to_string())
            .stdout(Stdio::null())
            .stderr(log),
    )?;
    let patience = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&said).is_ok_and(|text| text.contains("attached")) {
        strace.expect_running()?;
        if Instant::now() > patience {
            bail!("strace did not attach to process {pid} within 10 s");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let time = Duration::from_secs(1);
    let seen = load::send(lab, proxy, case, Effort { time, ..effort })?;
    strace.interrupt()?;
    let text =
        fs::read_to_string(&counts).with_context(|| format!("reading {}", counts.display()))?;
    let calls = total(&text).with_context(|| format!("no total from strace: {text}"))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(calls as f64 / seen.requests as f64)
}

/// The number of calls in the last line of `strace -c`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split_whitespace().last() == Some("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_with_and_without_errors() {
        let text = "% time seconds usecs/call calls errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.012345           1     12345       123 total\n";
        assert_eq!(total(text), Some(12_345));
        assert_eq!(total("100.00    0.000001           0        7           total\n"), Some(7));
        assert_eq!(total("nothing"), None);
    }
}
