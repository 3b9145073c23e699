//! Load, by wrk, and what it saw.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::case::Case;
use crate::bench::lab::{LOAD_CORE, Lab};
use crate::process::output;

/// Requests of one kind over some keep-alive connections, as fast as they are
/// answered.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) case: Case,
    pub(super) connections: u32,
}

/// What the load generator saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Requests answered.
    pub(super) requests: u64,
    /// How long it took.
    pub(super) duration: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Load {
    /// Sends requests to a proxy of the lab for so long. An error if one of them
    /// failed: a proxy that refuses is fast, and its figures mean nothing.
    pub(super) fn run(self, lab: &Lab, proxy: usize, time: Duration) -> Result<Seen> {
        let seen = self.send(lab, proxy, time)?;
        if seen.requests == 0 {
            bail!("{} answered nothing in {time:?}", lab.proxies()[proxy].label());
        }
        Ok(seen)
    }

    /// Opens connections and fills caches. On a busy machine this can be over
    /// before anything was answered, which is no error yet.
    pub(super) fn warm_up(self, lab: &Lab, proxy: usize) -> Result<()> {
        self.send(lab, proxy, Duration::from_millis(500)).map(|_| ())
    }

    fn send(self, lab: &Lab, proxy: usize, time: Duration) -> Result<Seen> {
        let proxy = &lab.proxies()[proxy];
        // wrk itself takes whole seconds only; the interrupt ends a shorter run
        // and is a second line of defence for the others.
        let limit =
            if time < Duration::from_secs(1) { time } else { time + Duration::from_secs(5) };
        let printed = output(
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "taskset", "-c", LOAD_CORE])
                .args(["timeout", "--preserve-status", "--signal=INT", "--kill-after=5"])
                .arg(format!("{}", limit.as_secs_f64()))
                .args(["wrk", "--threads", "1", "--connections", &self.connections.to_string()])
                .args(["--duration", &format!("{}s", time.as_secs().max(1)), "--timeout", "5s"])
                .arg("--script")
                .arg(lab.script())
                .arg(format!("http://127.0.0.1:{}", proxy.port()))
                .args(["--", self.case.method, self.case.path, &self.case.body.to_string()]),
        )?;
        parse(&printed).with_context(|| format!("{} under {}", proxy.label(), self.case.name))
    }
}

/// Reads the line that `benches/load/requests.lua` prints.
fn parse(printed: &str) -> Result<Seen> {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("stagegate-bench "))
        .with_context(|| format!("no report from wrk: {printed}"))?;
    let field = |name: &str| -> Result<u64> {
        line.split_whitespace()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .with_context(|| format!("no {name} in: {line}"))?
            .parse()
            .with_context(|| format!("{name} is no number in: {line}"))
    };
    let (bad, broken) = (field("bad_status")?, field("broken")?);
    if bad + broken > 0 {
        bail!("{bad} requests had a bad status, {broken} broke: {line}");
    }
    Ok(Seen {
        requests: field("requests")?,
        duration: Duration::from_micros(field("duration_us")?),
        p50: Duration::from_micros(field("p50_us")?),
        p99: Duration::from_micros(field("p99_us")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "stagegate-bench requests=10 duration_us=2000000 p50_us=5 p99_us=9";

    #[test]
    fn the_report_is_found_between_other_lines() {
        let seen =
            parse(&format!("Running 2s test\n{LINE} bad_status=0 broken=0\n")).expect("a report");
        assert_eq!(seen.requests, 10);
        assert_eq!(seen.duration, Duration::from_secs(2));
        assert_eq!(seen.p99, Duration::from_micros(9));
    }

    #[test]
    fn failed_requests_void_the_figures() {
        let error =
            parse(&format!("{LINE} bad_status=3 broken=1")).expect_err("failed").to_string();
        assert!(error.contains("3 requests had a bad status, 1 broke"), "{error}");
        assert!(parse("nothing").is_err());
    }
}
