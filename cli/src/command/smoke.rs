//! `stagegate smoke`: a release answers copies of real requests, or the cases of a set, for a while, and the result
//! is evidence.

use super::replay::{Answer, Target, replay};
use super::rerun::{of_dataset, registered};
use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, typed};
use crate::duration::Duration;
use crate::output::{self, Format, Progress};
use clap::Args;
use serde_json::json;
use stagegate_api::{ShadowOutcomes, ShadowReport};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Time between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);

/// Cases that are asked before the time is looked at.
const AT_ONCE: usize = 50;

/// Options of `smoke`.
#[derive(Args, Debug)]
pub(crate) struct SmokeArgs {
    #[command(flatten)]
    workload: Workload,
    /// How long to watch the copies that the shadow release gets, like 1h.
    #[arg(long, value_name = "TIME", required_unless_present = "against")]
    #[arg(conflicts_with = "against")]
    shadow: Option<Duration>,
    /// Ask this release the cases of a set, instead of watching copies.
    #[arg(long, value_name = "RELEASE", requires = "dataset")]
    against: Option<String>,
    /// The set, as `dataset export` writes it; it is asked again and again.
    #[arg(long, value_name = "FILE", requires = "against")]
    dataset: Option<PathBuf>,
    /// How long to ask the set.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    during: Duration,
    /// Write the result, for `checklist attach WORKLOAD B8 --file FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// What was seen.
struct Trial {
    release: String,
    minutes: u64,
    requests: u64,
    failed: u64,
    /// The requests, in words.
    of: &'static str,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &SmokeArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let name = args.workload.name();
    let trial = match (&args.shadow, &args.against, &args.dataset) {
        (None, Some(release), Some(file)) => asked(client, args, release, file)?,
        (wanted, ..) => watched(client, name, wanted.map(|it| it.0).unwrap_or_default())?,
    };
    let Trial { release, minutes, requests, failed, of } = trial;
    let told = json!({
        "smoke": { "minutes": minutes, "requests": requests, "failed": failed },
        "workload": name, "release": release,
    });
    if let Some(path) = &args.out {
        std::fs::write(path, output::json(&told))
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))?;
    }
    output::show(format, &told, || {
        format!("{release} answered {requests} {of} in {minutes} minutes, {failed} failed\n")
    });
    Ok(if requests > 0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Watches the copies that the shadow release gets.
fn watched(
    client: &AdminClient,
    name: &str,
    wanted: std::time::Duration,
) -> Result<Trial, Failure> {
    let (release, first) = copies(client, name)?;
    let begun = Instant::now();
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
    Ok(Trial { release, minutes, requests, failed, of: "copies" })
}

/// Asks a release the cases of a set until the time is over.
fn asked(
    client: &AdminClient,
    args: &SmokeArgs,
    release: &str,
    file: &Path,
) -> Result<Trial, Failure> {
    let cases = of_dataset(file, None, None)?;
    if cases.is_empty() {
        return Err(Failure::Local(format!("{} has no case", file.display())));
    }
    let endpoints = match args.target.url() {
        Some(url) => vec![url.to_owned()],
        None => registered(client, args.workload.name(), release)?,
    };
    let begun = Instant::now();
    let (mut requests, mut failed) = (0, 0);
    for part in cases.chunks(AT_ONCE).cycle() {
        let results = replay(&args.target, &endpoints, part, &|_, answer| {
            json!(matches!(answer, Answer::Answered(_)))
        })?;
        requests += results.len() as u64;
        failed += results.iter().filter(|ok| **ok != true).count() as u64;
        if begun.elapsed() >= args.during.0 {
            break;
        }
    }
    let minutes = begun.elapsed().as_secs() / 60;
    Ok(Trial { release: release.to_owned(), minutes, requests, failed, of: "requests" })
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
    #[test]
    fn a_set_is_asked_of_a_release_and_its_failures_are_counted() {
        let dir = tempfile::tempdir().expect("a directory");
        let (set, out) = (dir.path().join("set.jsonl"), dir.path().join("smoke.json"));
        let case = |id: &str| {
            json!({ "id": id, "input": { "messages": [] }, "split": "regression", "content_hash": id,
                "output_observed": null, "expected": null,
                "source": { "trace_id": null, "release": "v1", "arm": "stable", "ts": 0 } })
        };
        std::fs::write(&set, format!("{}\n{}\n", case("a"), case("b"))).expect("written");
        let answers = ["{}".to_owned(), "{}".to_owned()];
        let (address, asked) = canned::serve_all("200 OK", &answers);
        let client = AdminClient::new("http://127.0.0.1:9/", None).expect("a URL");
        let line = Line::parse_from([
            "smoke",
            "agent",
            "--against",
            "v2",
            "--dataset",
            set.to_str().expect("a path"),
            "--during",
            "0",
            "--url",
            &format!("http://{address}"),
            "--rate",
            "1000",
            "--concurrency",
            "1",
            "--out",
            out.to_str().expect("a path"),
        ]);
        run(&client, &line.args, Format::Json).expect("counted");
        asked.join().expect("two requests");
        let written: Value =
            serde_json::from_str(&std::fs::read_to_string(&out).expect("written")).expect("JSON");
        assert_eq!(written["smoke"], json!({ "minutes": 0, "requests": 2, "failed": 0 }));
        assert!(Line::try_parse_from(["smoke", "agent"]).is_err(), "copies or a set");
        assert!(Line::try_parse_from(["smoke", "agent", "--against", "v2"]).is_err());
    }
}
