//! `stagegate release`: the versions of a workload's backend.

use super::attach::shown;
use super::send::{ConditionArgs, Order, below};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment};
use clap::{Args, Subcommand};
use stagegate_api::{
    AddRelease, NewArtifact, OptionalReason, ReleaseDetail, ReleaseDiff, Releases,
};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `release`.
#[derive(Subcommand, Debug)]
pub(crate) enum ReleaseCommand {
    /// Register a release while the server runs; it gets no traffic until a rollout names it.
    #[command(after_help = examples!("release add support-agent v44 --endpoint http://10.0.2.1:9001 --model m-5 --prompt p-120"))]
    Add(AddArgs),
    /// Remove a release that was registered at run time and never used.
    #[command(after_help = examples!("release rm support-agent v44"))]
    Rm(RmArgs),
    /// Compare two releases part by part.
    #[command(after_help = examples!("release diff support-agent v43 v44"))]
    Diff {
        /// The workload.
        workload: String,
        /// The first release.
        from: String,
        /// The second release.
        to: String,
    },
    /// List the releases and what is running now.
    #[command(after_help = examples!("release ls support-agent"))]
    Ls {
        /// The workload.
        workload: String,
    },
    /// Show one release: its endpoints and what it is made of.
    #[command(after_help = examples!("release show support-agent v43"))]
    Show {
        /// The workload.
        workload: String,
        /// The release.
        release: String,
    },
}

/// Options of `release add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// The workload.
    workload: String,
    /// Name of the release, as `v44`.
    name: String,
    /// URL of an endpoint, as `http://10.0.2.1:9001`; may be given several times.
    #[arg(long = "endpoint", value_name = "URL", required = true)]
    endpoints: Vec<String>,
    /// Model name and version.
    #[arg(long)]
    model: Option<String>,
    /// Prompt version.
    #[arg(long)]
    prompt: Option<String>,
    /// Version of the tool set.
    #[arg(long)]
    tools: Option<String>,
    /// Git tag the backend was built from.
    #[arg(long, value_name = "TAG")]
    git: Option<String>,
    /// Digest of the image or bundle, `sha256:` and 64 hex digits.
    #[arg(long)]
    digest: Option<String>,
    /// Free text for people.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `release rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// The workload.
    workload: String,
    /// The release.
    name: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &ReleaseCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        ReleaseCommand::Add(args) => return add(client, args, format),
        ReleaseCommand::Rm(args) => {
            let path = below(&["releases", &args.name]);
            let body = OptionalReason { reason: args.reason.clone() };
            let (workload, conditions) = (args.workload.as_str(), &args.conditions);
            return Order { workload, method: Method::DELETE, path, body, conditions }.run(
                client,
                format,
                |now, seen| {
                    if now.stable == args.name || now.candidate.as_deref() == Some(&args.name) {
                        seen.refused(format!("release `{}` has a role in the split", args.name));
                    }
                    seen.moves(&format!("release {}", args.name), "registered", "removed");
                    seen.who("no traffic moves");
                    Ok(())
                },
            );
        }
        ReleaseCommand::Diff { workload, from, to } => {
            let pair = format!("/releases/diff?from={}&to={}", segment(from), segment(to));
            let answer = client.get(&workload_path(workload, &pair))?;
            let diff: ReleaseDiff = typed(&answer)?;
            output::show(format, &answer, || differences(&diff));
        }
        ReleaseCommand::Ls { workload } => {
            let answer = client.get(&workload_path(workload, "/releases"))?;
            let releases: Releases = typed(&answer)?;
            output::show(format, &answer, || list(&releases));
        }
        ReleaseCommand::Show { workload, release } => {
            let path = format!("/releases/{}", segment(release));
            let answer = client.get(&workload_path(workload, &path))?;
            let release: ReleaseDetail = typed(&answer)?;
            output::show(format, &answer, || one(&release));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(client: &AdminClient, args: &AddArgs, format: Format) -> Result<ExitCode, Failure> {
    let body = AddRelease {
        name: args.name.clone(),
        endpoints: args.endpoints.clone(),
        artifact: NewArtifact {
            model: args.model.clone(),
            prompt: args.prompt.clone(),
            tools: args.tools.clone(),
            git_tag: args.git.clone(),
            digest: args.digest.clone(),
            notes: args.notes.clone(),
        },
        reason: args.reason.clone(),
    };
    let (workload, path, conditions) =
        (args.workload.as_str(), "/releases".to_owned(), &args.conditions);
    Order { workload, method: Method::POST, path, body, conditions }.run(
        client,
        format,
        |_, seen| {
            let endpoints = args.endpoints.join(" ");
            seen.moves(&format!("release {}", args.name), "unknown", format!("at {endpoints}"));
            seen.who("no traffic moves before a rollout names it");
            Ok(())
        },
    )
}

fn differences(diff: &ReleaseDiff) -> String {
    let mut table = Table::new(["part", &diff.from, &diff.to]);
    for it in &diff.differences {
        let part = if it.pin { it.part.to_string() } else { format!("({})", it.part) };
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        table.row(vec![part, side(&it.from), side(&it.to)]);
    }
    let mut text = table.or("nothing differs");
    if diff.same_pins && !diff.differences.is_empty() {
        text.push_str("both are made of the same: no pin differs\n");
    }
    text
}

fn pins(release: &ReleaseDetail) -> Vec<(&'static str, &str)> {
    let artifact = &release.artifact;
    [
        ("model", &artifact.model),
        ("prompt", &artifact.prompt),
        ("tools", &artifact.tools),
        ("git", &artifact.git_tag),
        ("request", &artifact.request),
        ("digest", &artifact.digest),
        ("notes", &artifact.notes),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    .collect()
}

fn list(releases: &Releases) -> String {
    let mut table = Table::new(["release", "role", "endpoints", "artifact"]);
    for release in &releases.releases {
        let role = match &release.role {
            Some(role) => role.as_str(),
            None if release.configured => "",
            None if release.run_time => "at run time",
            None => "not in the file",
        };
        let pins = pins(release);
        let pins: Vec<&str> = pins.iter().map(|(_, value)| *value).collect();
        table.row(vec![
            release.name.clone(),
            role.to_owned(),
            release.endpoints.join(" "),
            pins.join(" "),
        ]);
    }
    let mut text: String = releases.running.iter().map(|line| format!("{line}\n")).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text + &table.or("no releases")
}

fn one(release: &ReleaseDetail) -> String {
    let mut text = format!("release      {}\n", release.name);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("role", release.role.as_deref().unwrap_or("none"));
    line("endpoints", &release.endpoints.join(" "));
    for (name, value) in pins(release) {
        line(name, value);
    }
    line("fingerprint", &release.fingerprint);
    let when = moment(release.registered_at_ms);
    line(
        "registered",
        &match release.registered_by.as_str() {
            "" => when,
            who => format!("{when} by {who}"),
        },
    );
    line("artifact", if release.used { "frozen: it has served" } else { "may still change" });
    match (release.configured, release.run_time) {
        (false, false) => line("file", "no longer in the configuration file"),
        (false, true) => line("file", "not in it: registered at run time"),
        (true, _) => {}
    }
    match &release.eval_report {
        Some(report) => {
            let _ = write!(text, "offline eval {}", shown(report, &moment(report.at_ms)));
        }
        None => text.push_str("offline eval none attached\n"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ReleaseCommand, differences, list, run};
    use crate::canned;
    use crate::output::Format;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: ReleaseCommand,
    }

    #[test]
    fn a_release_is_sent_with_all_its_pins() {
        let answer = json!({
            "command": "add_release", "changed": true, "summary": "release v3 added", "epoch": 6,
            "audit_seq": 9, "actor": "deployer", "reason": "", "workload": canned::workload("1%"),
        });
        let (client, asked) = canned::answer("200 OK", &answer.to_string());
        let line = "release add agent v3 --endpoint http://a:1 --endpoint http://b:2 --model m-3 \
                    --prompt p-2 --tools t-1 --git agent@v3 --notes calmer --if-match 5";
        let line = Line::try_parse_from(line.split_whitespace()).expect("right");
        run(&client, &line.command, Format::Json).expect("done");
        let asked = asked.join().expect("one request");
        assert!(asked.starts_with("POST /v1/workloads/agent/releases HTTP/1.1\r\n"), "{asked}");
        for wanted in [
            "if-match: \"5\"",
            r#""name":"v3""#,
            r#""endpoints":["http://a:1","http://b:2"]"#,
            r#""model":"m-3""#,
            r#""git_tag":"agent@v3""#,
            r#""notes":"calmer""#,
        ] {
            assert!(asked.contains(wanted), "{wanted} is missing in\n{asked}");
        }
        let without = Line::try_parse_from("release add agent v3 --model m".split(' '));
        assert!(without.is_err(), "a release is served somewhere");
    }

    #[test]
    fn the_list_begins_with_what_is_running() {
        let release = |name: &str, role: Option<&str>, run_time: bool| {
            json!({
                "name": name, "role": role, "configured": !run_time, "run_time": run_time,
                "used": role.is_some(), "fingerprint": "ab", "endpoints": ["10.0.0.1:9001"],
                "artifact": { "model": "m-5" }, "registered_at_ms": 0,
            })
        };
        let releases = json!({
            "epoch": 3, "running": ["stable v1: model m-5, 1/1 endpoints healthy"],
            "releases": [release("v1", Some("stable"), false), release("v2", None, true)],
        });
        let text = list(&serde_json::from_value(releases).expect("the API's own shape"));
        assert!(text.starts_with("stable v1: model m-5, 1/1 endpoints healthy\n\n"), "{text}");
        assert!(text.contains("at run time"), "{text}");
    }

    #[test]
    fn a_difference_has_two_sides() {
        let diff = json!({ "from": "v1", "to": "v2", "same_pins": false, "differences": [
            { "part": "model", "pin": true, "from": "m-1", "to": "m-2" },
            { "part": "notes", "pin": false, "to": "calmer" },
        ]});
        let text = differences(&serde_json::from_value(diff).expect("the API's own shape"));
        assert_eq!(text, "part     v1   v2\nmodel    m-1  m-2\n(notes)  -    calmer\n");
        let same = json!({ "from": "v1", "to": "v2", "same_pins": true, "differences": [] });
        let text = differences(&serde_json::from_value(same).expect("the API's own shape"));
        assert_eq!(text, "nothing differs\n");
    }
}
