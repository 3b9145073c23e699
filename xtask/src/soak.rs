//! `cargo xtask soak`: mixed load on the release binary for as long as one likes.
//!
//! The load and its checks are the end-to-end test `soak`, whose short form runs in
//! `cargo xtask test`; this makes it long and prints what it tells meanwhile. With `--faults` it runs
//! the end-to-end test `faults` instead: one fault of the machine after the other, each timed.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::watched;
use crate::project::Project;

/// The test, as the test runner calls it.
const TEST: &str = "soak::nobody_is_failed_and_nothing_grows";

/// The faults, which print how long each recovery took.
const FAULTS: &str = "faults::every_fault_is_survived";

/// The duration of the load.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The time for which the load lasts: seconds, or a number with `s`, `m` or `h`
    #[arg(long = "for", default_value = "1h", value_name = "DURATION", value_parser = duration)]
    time: Duration,
    /// The short form, as in `cargo xtask test`: 20 s
    #[arg(long, conflicts_with = "time")]
    quick: bool,
    /// Faults of the machine instead: stalls, full and read-only disks, a dead worker, clock jumps, a
    /// file limit, SIGSTOP. Needs root and a C compiler
    #[arg(long, conflicts_with_all = ["time", "quick"])]
    faults: bool,
}

/// Builds, runs, and fails with what went wrong.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let seconds = if args.quick { 20 } else { args.time.as_secs() };
    let test = if args.faults { FAULTS } else { TEST };
    println!("building the release binary and the load; then {test}");
    let mut command = project.cargo(&[
        "test",
        "--release",
        "--locked",
        "--package",
        "stagegate",
        "--test",
        "e2e",
    ]);
    command.args(["--", "--exact", test, "--nocapture", "--include-ignored"]);
    let mut ran = false;
    watched(command.env("STAGEGATE_SOAK_SECONDS", seconds.to_string()), |line| {
        ran |= line.contains("1 passed");
    })
    .context("the soak found something; what it is stands above")?;
    if !ran {
        bail!("the end-to-end tests have no test {test}");
    }
    Ok(())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => return Err(format!("{other:?} is no unit: write `s`, `m` or `h`")),
    };
    match digits.parse::<u32>() {
        Ok(count) if count > 0 => Ok(Duration::from_secs(u64::from(count) * unit)),
        _ => Err(format!("{digits:?} is no positive whole number: write one like `90s` or `1h`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("20m"), Ok(Duration::from_secs(1200)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert!(duration("1d").expect_err("no unit").contains("\"d\""));
        assert!(duration("0s").is_err() && duration("h").is_err() && duration("-1s").is_err());
    }
}
