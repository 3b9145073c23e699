//! slowhttptest: clients that take up connections and do as good as nothing with them.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Args;
use super::bystander::Bystander;
use super::lab::Lab;
use crate::process::run;
use crate::tools;

/// How much longer than when nobody attacks one in a hundred of the bystander's requests may take:
/// so many times, and what a machine that does something else besides adds.
const UNHARMED: (u32, Duration) = (5, Duration::from_millis(100));
/// Time in which the bystander is alone.
const ALONE: Duration = Duration::from_secs(5);

/// An attack: its name, and slowhttptest's flags for it.
const MODES: &[(&str, &[&str])] = &[
    ("slow headers (slowloris)", &["-H", "-i", "5", "-x", "24"]),
    ("slow body", &["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"]),
    ("slow read", &["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "5", "-k", "3"]),
    ("ranges", &["-R", "-a", "10", "-b", "3000"]),
];

/// Every attack while a bystander asks; it must not notice.
pub(super) fn slowhttptest(lab: &Lab, args: &Args) -> Result<Vec<String>> {
    tools::system("slowhttptest", "slowhttptest")?;
    let bystander = Bystander::start(lab.plain);
    sleep(ALONE);
    let alone = bystander.end().context("the bystander failed before anyone attacked")?;
    let limit = alone.p99 * UNHARMED.0 + UNHARMED.1;
    let mut lines = vec![format!("nobody: p50 {:?}, p99 {:?}", alone.p50, alone.p99)];
    for (name, flags) in MODES {
        let bystander = Bystander::start(lab.plain);
        let mut command = Command::new("slowhttptest");
        command.args(*flags).args(["-r", "200", "-p", "3", "-c", &args.connections.to_string()]);
        command.args(["-l", &args.seconds.to_string(), "-u"]).arg(format!("http://{}/", lab.plain));
        let log = lab.dir.join("slowhttptest.txt");
        let file = fs::File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        run(command.stdout(file).stdin(std::process::Stdio::null()))?;
        let seen = bystander.end().with_context(|| format!("{name}: the bystander was harmed"))?;
        if seen.p99 > limit {
            bail!("{name}: the bystander waited {:?} (p99), not {limit:?} at most", seen.p99);
        }
        let said =
            fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
        if !available(&said) {
            bail!("{name}: slowhttptest found the service unavailable; see {}", log.display());
        }
        lines.push(format!(
            "{name}, {} connections: {} requests of a bystander, p50 {:?}, p99 {:?}, longest {:?}",
            args.connections, seen.requests, seen.p50, seen.p99, seen.longest
        ));
    }
    Ok(lines)
}

/// True if slowhttptest's own probe was answered to the end. It colours what it prints.
fn available(said: &str) -> bool {
    let last = said.lines().rfind(|line| line.contains("service available"));
    last.is_some_and(|line| line.contains("YES"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_says_last_counts() {
        let line = |word| format!("\x1b[1mservice available:  \x1b[0m {word}\x1b[0m\n");
        assert!(available(&(line("NO") + &line("YES"))));
        assert!(!available(&(line("YES") + &line("NO"))));
        assert!(!available(""));
    }
}
