//! `stagegate smoke`: a release answers copies of real requests for a while, and the result is evidence.

use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, typed};
use crate::duration::Duration;
use crate::output::{self, Format, Progress};
use clap::Args;
use serde_json::json;
use stagegate_api::{ShadowOutcomes, ShadowReport};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Time between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);

/// Options of `smoke`.
#[derive(Args, Debug)]
pub(crate) struct SmokeArgs {
    #[command(flatten)]
    workload: Workload,
    /// How long to watch the copies that the shadow release gets, like 1h.
    #[arg(long, value_name = "TIME")]
    shadow: Duration,
    /// Write the result, for `checklist attach WORKLOAD B8 --file FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &SmokeArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let name = args.workload.name();
    let (release, first) = copies(client, name)?;
    let begun = Instant::now();
    let wanted = args.shadow.0;
    let progress = Progress::bar(wanted.as_secs(), "watching the copies");
    let mut last = first;
    while begun.elapsed() < wanted {
        let rest = wanted.saturating_sub(begun.elapsed()).min(LOOK);
        std::thread::sleep(rest);
        (0..rest.as_secs()).for_each(|_| progress.step());
        let (now_of, now) = copies(client, name)?;
        if now_of != release || now.sent() < last.sent() {
            return Err(Failure::Local(
                "the server or its shadow changed meanwhile: begin again".to_owned(),
            ));
        }
        last = now;
    }
    drop(progress);
    let requests = last.sent() - first.sent();
    let failed = requests - (last.ok - first.ok);
    let minutes = begun.elapsed().as_secs() / 60;
    let told = json!({
        "smoke": { "minutes": minutes, "requests": requests, "failed": failed },
        "workload": name, "release": release,
    });
    if let Some(path) = &args.out {
        std::fs::write(path, output::json(&told))
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))?;
    }
    output::show(format, &told, || {
        format!("{release} answered {requests} copies in {minutes} minutes, {failed} failed\n")
    });
    Ok(if requests > 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The outcomes of copies so far.
#[derive(Clone, Copy, Debug)]
struct Sent {
    ok: u64,
    others: u64,
}

impl Sent {
    const fn sent(self) -> u64 {
        self.ok + self.others
    }
}

/// The shadow release and what it answered so far.
fn copies(client: &AdminClient, workload: &str) -> Result<(String, Sent), Failure> {
    let report: ShadowReport = typed(&client.get(&workload_path(workload, "/shadow"))?)?;
    let Some(settings) = report.settings.as_ref().filter(|_| report.active) else {
        let why = report.why_not.unwrap_or_default();
        return Err(Failure::Local(format!("no release gets copies of requests: {why}")));
    };
    let of = report.copies.iter().find(|it| it.release == settings.release);
    let sent = of.map_or(Sent { ok: 0, others: 0 }, |it| {
        let ShadowOutcomes { ok, transient, permanent, external } = it.sent;
        Sent { ok, others: transient + permanent + external }
    });
    Ok((settings.release.clone(), sent))
}

#[cfg(test)]
mod tests {
    use super::{SmokeArgs, run};
    use crate::canned;
    use crate::client::AdminClient;
    use crate::output::Format;
    use clap::Parser;
    use serde_json::{Value, json};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SmokeArgs,
    }

    #[test]
    fn the_copies_of_the_time_are_counted_and_written() {
        let report = |ok: u64, permanent: u64| {
            json!({
                "workload": "agent", "active": true,
                "settings": { "release": "v2", "fraction": "10%", "methods": [], "paths": [],
                    "in_flight": 1, "body_bytes": 1, "timeout_ms": 1, "scored": false },
                "copies": [{ "release": "v2", "dropped": [], "cost_usd": 0.0,
                    "sent": { "ok": ok, "transient": 0, "permanent": permanent, "external": 0 } }],
                "pairs": [], "lost": [],
            })
            .to_string()
        };
        let (address, asked) = canned::serve_all("200 OK", &[report(10, 1), report(110, 3)]);
        let client = AdminClient::new(&format!("http://{address}/"), None).expect("a URL");
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path().join("smoke.json");
        let file = out.to_str().expect("a path");
        let line = Line::parse_from(["smoke", "agent", "--shadow", "10ms", "--out", file]);
        run(&client, &line.args, Format::Json).expect("counted");
        asked.join().expect("two looks");
        let written: Value =
            serde_json::from_str(&std::fs::read_to_string(&out).expect("written")).expect("JSON");
        assert_eq!(written["smoke"], json!({ "minutes": 0, "requests": 102, "failed": 2 }));
    }
}
