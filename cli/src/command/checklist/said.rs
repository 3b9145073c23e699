//! Signing, attaching, waiving and withdrawing.

use super::super::send::ConditionArgs;
use super::super::workload::workload_path;
use super::fetch::fetch;
use super::text;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::duration::Duration;
use crate::output::{self, Format, one_line};
use clap::Args;
use serde_json::{Value, json};
use stagegate_api::{CheckEvidence, CheckFile, StateCheck, StatementDetail, StatementKind};
use stagegate_eval::digest_of;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use ureq::http::Method;

/// Largest file of figures that is read as JSON.
const FIGURES: usize = 1 << 20;

/// The check that a statement is about.
#[derive(Args, Debug)]
struct About {
    /// The workload.
    #[arg(value_name = "WORKLOAD")]
    workload: String,
    /// The check's id, like `C11`.
    #[arg(value_name = "CHECK")]
    check: String,
    /// The release; the one that is rolled out, or the candidate, if left out.
    #[arg(long)]
    release: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `checklist sign`.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    about: About,
    /// What was looked at; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// A link to more.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// A day that the signature sets, like 2026-12-05.
    #[arg(long, value_name = "DAY", value_parser = day)]
    date: Option<u64>,
    /// How long the signature is good; the check's usual time if left out.
    #[arg(long, value_name = "TIME")]
    expires: Option<Duration>,
}

/// Options of `checklist attach`.
#[derive(Args, Debug)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    about: About,
    /// The file. Its name and SHA-256 are sent; the figures of `eval coverage` and `smoke` too.
    #[arg(long, required_unless_present = "link")]
    file: Option<PathBuf>,
    /// A link to more.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// What it shows; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// How long the evidence is good; the check's usual time if left out.
    #[arg(long, value_name = "TIME")]
    expires: Option<Duration>,
}

/// Options of `checklist waive`.
#[derive(Args, Debug)]
pub(crate) struct WaiveArgs {
    #[command(flatten)]
    about: About,
    /// The reason; it is recorded, and the channels are told.
    #[arg(long)]
    reason: String,
    /// How long the waiver is good; 7d if left out.
    #[arg(long, value_name = "TIME")]
    expires: Option<Duration>,
}

/// Options of `checklist withdraw`.
#[derive(Args, Debug)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    about: About,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: String,
}

/// A statement of this kind with nothing else.
fn bare(kind: StatementKind, about: &About) -> StateCheck {
    StateCheck {
        kind,
        release: about.release.clone(),
        reason: None,
        link: None,
        file: None,
        until_ms: None,
        date_ms: None,
        evidence: None,
    }
}

pub(super) fn sign(
    client: &AdminClient,
    args: &SignArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = StateCheck {
        reason: args.reason.clone(),
        link: args.link.clone(),
        date_ms: args.date,
        until_ms: end(args.expires),
        ..bare(StatementKind::Sign, &args.about)
    };
    send(client, &args.about, &body, format)
}

pub(super) fn attach(
    client: &AdminClient,
    args: &AttachArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (file, evidence) = args.file.as_deref().map(read).transpose()?.unzip();
    let body = StateCheck {
        reason: args.reason.clone(),
        link: args.link.clone(),
        file,
        evidence: evidence.flatten(),
        until_ms: end(args.expires),
        ..bare(StatementKind::Attach, &args.about)
    };
    send(client, &args.about, &body, format)
}

pub(super) fn waive(
    client: &AdminClient,
    args: &WaiveArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = StateCheck {
        reason: Some(args.reason.clone()),
        until_ms: end(args.expires),
        ..bare(StatementKind::Waive, &args.about)
    };
    send(client, &args.about, &body, format)
}

pub(super) fn withdraw(
    client: &AdminClient,
    args: &WithdrawArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = StateCheck {
        reason: Some(args.reason.clone()),
        ..bare(StatementKind::Withdraw, &args.about)
    };
    send(client, &args.about, &body, format)
}

fn send(
    client: &AdminClient,
    about: &About,
    body: &StateCheck,
    format: Format,
) -> Result<ExitCode, Failure> {
    let path = workload_path(&about.workload, &format!("/checklist/{}", segment(&about.check)));
    if about.conditions.dry_run {
        return preview(client, about, body, &path, format);
    }
    let answer = client.send(&Method::POST, &path, body, about.conditions.conditions())?;
    let made: StatementDetail = typed(&answer)?;
    output::show(format, &answer, || text::made(&made));
    Ok(ExitCode::SUCCESS)
}

/// Shows the check as it is, and what would be sent.
fn preview(
    client: &AdminClient,
    about: &About,
    body: &StateCheck,
    path: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (_, list) = fetch(client, &about.workload, about.release.as_deref(), None)?;
    let Some(line) = list.checks.iter().find(|it| it.id == about.check) else {
        let ids: Vec<&str> = list.checks.iter().map(|it| it.id.as_str()).collect();
        let known = ids.join(", ");
        return Err(Failure::Usage(format!("no check `{}`; there are: {known}", about.check)));
    };
    let told = json!({
        "dry_run": true, "workload": list.workload, "release": list.release, "check": line,
        "request": { "method": "POST", "path": path, "body": body },
    });
    output::show(format, &told, || {
        format!(
            "{}: check {} of {} is {}, dry run: nothing was sent\n  {}\n",
            list.workload,
            line.id,
            list.release,
            line.standing,
            one_line(&line.seen)
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// The file as it is sent: name, digest, and its figures if it has some.
fn read(path: &Path) -> Result<(CheckFile, Option<CheckEvidence>), Failure> {
    let usage = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| usage(format!("cannot be read: {error}")))?;
    let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    let file = CheckFile { name, sha256: digest_of(&bytes), bytes: bytes.len() as u64 };
    let json = (bytes.len() <= FIGURES).then(|| serde_json::from_slice::<Value>(&bytes).ok());
    let figures = json.flatten().filter(|it| it.get("coverage").or(it.get("smoke")).is_some());
    let part = |value: &Value, key: &str| value.get(key).filter(|it| it.is_object()).cloned();
    let evidence = figures.map(|it| {
        // What else the file says is for people.
        let known = json!({ "coverage": part(&it, "coverage"), "smoke": part(&it, "smoke") });
        serde_json::from_value(known).map_err(|error| usage(format!("its figures: {error}")))
    });
    Ok((file, evidence.transpose()?))
}

/// The end of a statement that is made now.
fn end(expires: Option<Duration>) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    expires.map(|it| now.saturating_add(it.0.as_millis()) as u64)
}

fn day(text: &str) -> Result<u64, String> {
    stagegate_timing::day(text).ok_or_else(|| "write a day like 2026-12-05".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{day, read};

    #[test]
    fn a_file_of_figures_is_sent_with_them_and_any_other_with_its_digest() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("smoke.json");
        std::fs::write(&path, r#"{"smoke":{"minutes":61,"requests":100,"failed":0},"x":1}"#)
            .expect("written");
        let (file, evidence) = read(&path).expect("read");
        let smoke = evidence.expect("figures").smoke.expect("of a trial");
        assert_eq!((file.name.as_str(), smoke.requests), ("smoke.json", 100));
        std::fs::write(&path, "test").expect("written");
        let (file, evidence) = read(&path).expect("read");
        assert!(evidence.is_none());
        assert_eq!(file.sha256, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
        std::fs::write(&path, r#"{"smoke":{"minutes":"x"}}"#).expect("written");
        assert!(read(&path).expect_err("no figures").to_string().contains("figures"));
    }

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(day("1970-01-02"), Ok(86_400_000));
        assert!(day("tomorrow").is_err());
    }
}
