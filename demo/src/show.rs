//! The output of the demo: addresses, commands to try, the live line and the summary.

use crate::now::Now;
use crate::setup::{CONVERSATION_HEADER, FORCE_SECRET, Home, TENANT_HEADER, USER_HEADER, WORKLOAD};
use crate::tally::{ArmTally, CONFIDENCE, Tally, share};
use indicatif::{ProgressBar, ProgressStyle};
use stagegate_cli::Duration as Lasting;
use stagegate_cli::output::{self, grouped, millis, percent};
use stagegate_rollout::{Arm, Weight};
use std::ffi::OsStr;
use std::fmt::Write;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How often a line is written if there is no terminal to redraw one on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The program's name as the reader's shell takes it: `stagegate` if that is this program, else the
/// path of this program, which works in every directory.
fn program() -> String {
    let Ok(here) = std::env::current_exe() else { return "stagegate".to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    named(&here, &path)
}

fn named(here: &Path, path: &OsStr) -> String {
    let same = |found: &Path| found.canonicalize().ok() == here.canonicalize().ok();
    let mut in_path = std::env::split_paths(path).map(|dir| dir.join("stagegate"));
    if in_path.find(|file| file.is_file()).is_some_and(|file| same(&file)) {
        return "stagegate".to_owned();
    }
    let here = here.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    if here.chars().all(plain) { here } else { format!("'{}'", here.replace('\'', "'\\''")) }
}

/// The introduction: addresses to open and commands to try.
pub(crate) fn intro(
    home: &Home,
    proxy: SocketAddr,
    admin: &str,
    (weight, bad_after): (Weight, Option<Lasting>),
) -> String {
    let mut program = program();
    if admin != "http://127.0.0.1:9900" {
        let _ = write!(program, " --admin {admin}");
    }
    let story = match bad_after {
        None => format!("{weight} of conversations on the candidate."),
        Some(after) => format!(
            "a rollout of the candidate. In {} s it turns bad, and its gates take it out.",
            after.0.as_secs()
        ),
    };
    let after = if home.is_kept() { "kept at the end" } else { "removed at the end" };
    format!(
        "Stagegate demo: two agents behind one proxy, {story}

  dashboard  {admin}/w/{WORKLOAD}
  proxy      http://{proxy}   (OpenAI chat completions and Responses)
  admin API  {admin}   ({admin}/docs, {admin}/metrics)
  config     {config}   ({after})

Try, in another terminal:
  curl -si http://{proxy}/v1/chat/completions -H 'content-type: application/json' \\
    -H '{TENANT_HEADER}: acme' -H '{USER_HEADER}: ann' -H '{CONVERSATION_HEADER}: my-first' \\
    -d '{{\"model\":\"support\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}'
  {program} status
  {program} decisions ls -n 5
  {program} explain {WORKLOAD} --tenant acme --user ann --conversation my-first
  {program} weight {WORKLOAD} 50% --reason 'looks good'

A gated rollout in minutes:
  {program} drill {WORKLOAD} --reason 'before the rollout'
  {program} rollout start {WORKLOAD} --to v2 --reason 'new prompt'
  {program} rollout status {WORKLOAD} --watch
  {program} rollout promote {WORKLOAD} --reason 'all gates pass'

Who, and the way back:
  {program} cohort enable {WORKLOAD} pilots
  {program} token force {WORKLOAD} --for 1h --secret {FORCE_SECRET}
  {program} rollback {WORKLOAD} --reason 'changed my mind'
  {program} undo
  {program} audit ls
",
        config = home.config_file().display(),
    )
}

/// The live line: redrawn on a terminal, written every few seconds elsewhere.
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    next_line: Duration,
    /// Time and requests at the last update, for the rate.
    last: (Duration, u64),
    rate: f64,
}

impl Live {
    pub(crate) fn begin() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, next_line: LINE_EVERY, last: (Duration::ZERO, 0), rate: 0.0 }
    }

    /// Shows what was seen `at` this time after the start.
    pub(crate) fn tell(&mut self, seen: &Tally, now: &Now, at: Duration) {
        let passed = at.saturating_sub(self.last.0);
        if passed >= Duration::from_secs(1) {
            let served = seen.served();
            self.rate = (served - self.last.1) as f64 / passed.as_secs_f64();
            self.last = (at, served);
        }
        let line = line(seen, now, self.rate);
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            bar.tick();
        } else if at >= self.next_line {
            self.next_line += LINE_EVERY;
            output::answer(&format!("{:>4}s  {line}", at.as_secs()));
        }
    }

    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(seen: &Tally, now: &Now, rate: f64) -> String {
    // The share at the weight of now: what was before it would only blur the line.
    let check = seen.checks().into_iter().find(|check| Some(check.weight) == now.promised);
    let split = match check {
        Some(check) => format!(
            "candidate {} of {} conversations",
            percent(share(check.candidate, check.conversations)),
            grouped(check.conversations)
        ),
        None if now.promised.is_some() => "no conversation yet".to_owned(),
        None => "other rules than the weight decide".to_owned(),
    };
    let arms = Arm::ALL.map(|arm| {
        let tally = &seen.arms[arm.index()];
        let p50 = tally.latency_ms(0.5).map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
        format!("{arm} p50 {p50}, {} errors", percent(tally.error_share()))
    });
    format!("weight {} | {split} | {rate:.0}/s | {}", now.words, arms.join(" | "))
}

fn latency(arm: &ArmTally, quantile: f64) -> String {
    arm.latency_ms(quantile).map_or_else(|| "-".to_owned(), millis)
}

/// Summarises the clients' counts, and the check of the split.
pub(crate) fn summary(seen: &Tally, lasted: Duration) -> String {
    let served = seen.served();
    let mut text = format!(
        "\nIn {:.0} s the demo's clients got {} answers ({:.0} a second):\n\n",
        lasted.as_secs_f64(),
        grouped(served),
        served as f64 / lasted.as_secs_f64().max(0.001)
    );
    let _ = writeln!(
        text,
        "  {:<11}{:>10}{:>9}{:>10}{:>12}{:>12}",
        "arm", "requests", "share", "errors", "p50", "p99"
    );
    for arm in Arm::ALL {
        let tally = &seen.arms[arm.index()];
        let _ = writeln!(
            text,
            "  {:<11}{:>10}{:>9}{:>10}{:>12}{:>12}",
            arm.label(),
            grouped(tally.requests),
            percent(share(tally.requests, served)),
            percent(tally.error_share()),
            latency(tally, 0.5),
            latency(tally, 0.99)
        );
    }
    let _ = writeln!(
        text,
        "\nSplit by conversation, against the {} bounds of its weight:",
        percent(CONFIDENCE)
    );
    for check in seen.checks() {
        let _ = writeln!(
            text,
            "  weight {:<7} {} of {} conversations on the candidate ({}), bounds {} to {}: {}",
            check.weight.to_string(),
            grouped(check.candidate),
            grouped(check.conversations),
            percent(share(check.candidate, check.conversations)),
            grouped(check.low),
            grouped(check.high),
            if check.holds() { "within" } else { "OUT OF BOUNDS" }
        );
    }
    if seen.checks().is_empty() {
        text.push_str("  nothing to judge: no conversation began while the weight alone decided\n");
    }
    if seen.unserved > 0 {
        let _ = writeln!(text, "  {} requests got no agent's answer", grouped(seen.unserved));
    }
    let remark = if seen.strays > 0 { " (a rollback moves running conversations)" } else { "" };
    let _ = writeln!(
        text,
        "Conversation ids issued by one agent that reached the other: {}{remark}",
        grouped(seen.strays)
    );
    if served == 0 {
        text.push_str("\nNothing was served: the demo has shown nothing.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Home, Now, intro, line, named, program, summary};
    use crate::tally::{Seen, Tally};
    use stagegate_cli::check_line;
    use stagegate_rollout::{Arm, Outcome, Weight};
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn the_printed_commands_work_as_they_are() {
        let home = Home::open(None).expect("a directory");
        let proxy = "127.0.0.1:8080".parse().expect("an address");
        let program = program();
        for admin in ["http://127.0.0.1:9900", "http://127.0.0.1:40001"] {
            let text = intro(&home, proxy, admin, (Weight::ZERO, None));
            let commands: Vec<&str> =
                text.lines().map(str::trim).filter(|line| line.starts_with(&program)).collect();
            assert_eq!(commands.len(), 13, "{text}");
            for command in commands {
                assert_eq!(command.contains("--admin"), !admin.ends_with(":9900"), "{command}");
                if let Err(error) = check_line(command) {
                    panic!("{error}");
                }
            }
        }
    }

    #[test]
    fn the_program_is_named_so_that_a_shell_in_any_directory_finds_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let here = dir.path().join("stagegate");
        std::fs::write(&here, "").expect("written");
        let path = dir.path().as_os_str();
        assert_eq!(named(&here, path), "stagegate");
        let elsewhere = named(&here, "/nowhere".as_ref());
        assert_eq!(elsewhere, here.display().to_string());
        assert_eq!(
            named(Path::new("/opt/my tools/stagegate"), "".as_ref()),
            "'/opt/my tools/stagegate'"
        );
    }

    #[test]
    fn the_live_line_names_the_arms() {
        let now = Now { words: "10%".to_owned(), promised: None };
        let text = line(&Tally::default(), &now, 0.0);
        assert!(text.contains("stable p50 -, 0% errors | candidate p50 -, 0% errors"), "{text}");
    }

    #[test]
    fn the_summary_says_when_the_split_is_out_of_bounds() {
        let mut tally = Tally::default();
        tally.learn(1, Some("10%".parse().expect("a share")));
        for number in 0..400 {
            tally.record(&Seen {
                arm: Some(if number % 2 == 0 { Arm::Stable } else { Arm::Candidate }),
                epoch: Some(1),
                counts_for_split: true,
                strayed: false,
                outcome: Outcome::Ok,
                took: Duration::from_millis(20),
            });
        }
        let text = summary(&tally, Duration::from_secs(2));
        assert!(text.contains("200 of 400 conversations"), "{text}");
        assert!(text.contains("OUT OF BOUNDS"), "{text}");
        let nothing = summary(&Tally::default(), Duration::from_secs(2));
        assert!(nothing.contains("Nothing was served"), "{nothing}");
    }
}
