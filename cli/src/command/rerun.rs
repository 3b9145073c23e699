//! `stagegate eval rerun`: what was asked before, asked of one release, and scored: a run that `eval
//! gate` compares.
//!
//! The requests go to the release's endpoints, not through the proxy, marked so that they are not
//! sampled and so that a backend may leave side effects out.

use super::judge::judge;
use super::replay::{Answer, Case, Target, replay};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::local::{Judging, Local};
use crate::output::{self, Format, Progress};
use clap::Args;
use serde_json::{Value, json};
use stagegate_api::{ReleaseDetail, SampleDetail, Samples};
use stagegate_eval::dataset::{Dataset, Record, Split};
use stagegate_eval::{Captured, Facts, Half, Metrics, Sample, SampleReason, Score, ScorerSpec};
use stagegate_rollout::{Arm, Estimate, Series, figures};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// The text that replaces a secret.
const REDACTED: &str = "[redacted]";
/// Most bytes of an answer that are scored.
const LARGEST: usize = 16 << 20;

/// Most samples that are asked again: a page of the API.
const MOST_SAMPLES: u32 = 1000;

/// Options of `eval rerun`.
#[derive(Args, Debug)]
pub(crate) struct RerunArgs {
    /// The workload.
    workload: String,
    /// The release that answers; with `--url` it need not be registered yet.
    #[arg(long)]
    release: String,
    /// Number of cases: the newest samples (1,000 by default, which is the most), or the first of a
    /// dataset (all by default).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// A frozen set, as `dataset export` writes it, instead of the newest samples: only runs of the
    /// same set can be compared.
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Only this split of the dataset.
    #[arg(long, value_enum, requires = "dataset")]
    split: Option<SplitName>,
    /// Output file of the run: JSON Lines, for `eval gate`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The configuration, for the workload's scorers and for what is redacted.
    #[arg(short, long, default_value = "stagegate.yaml", env = "STAGEGATE_CONFIG")]
    #[arg(value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// A split, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SplitName {
    /// Failures.
    Regression,
    /// A random sample.
    Representative,
}

pub(crate) fn run(
    client: impl Fn() -> Result<AdminClient, Failure>,
    local: &dyn Local,
    args: &RerunArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let judging = local.judging(&args.config, &args.workload).map_err(Failure::Usage)?;
    if judging.scorers.is_empty() {
        let why = format!("workload `{}` has no `scorers`: nobody could judge", args.workload);
        return Err(Failure::Usage(why));
    }
    let endpoints = match args.target.url() {
        Some(url) => vec![url.to_owned()],
        None => registered(&client()?, &args.workload, &args.release)?,
    };
    let (cases, cut) = match &args.dataset {
        Some(file) => {
            let wanted = args.split.map(|split| match split {
                SplitName::Regression => Split::Regression,
                SplitName::Representative => Split::Representative,
            });
            (of_dataset(file, wanted, args.count)?, 0)
        }
        None => of_samples(&client()?, args)?,
    };
    if cases.is_empty() {
        return Err(Failure::Local("there is no case to ask again".to_owned()));
    }
    let redacted = cases.iter().filter(|case| is_redacted(case)).count();
    if redacted > 0 {
        output::note(&format!(
            "{redacted} of {} inputs were redacted when they were sampled: they ask something else than their \
             users did, and are marked `redacted_input`",
            cases.len()
        ));
    }
    let judged = replay(&args.target, &endpoints, &cases, &|case, answer| {
        line(args, &judging, case, answer)
    })?;
    let text: String = judged.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&args.out, text)
        .map_err(|error| Failure::Local(format!("cannot write {}: {error}", args.out.display())))?;
    Ok(conclude(args, &judged, redacted, cut, format))
}

/// The release's registered endpoints.
pub(super) fn registered(
    client: &AdminClient,
    workload: &str,
    release: &str,
) -> Result<Vec<String>, Failure> {
    let path = format!("/releases/{}", segment(release));
    let release: ReleaseDetail = typed(&client.get(&workload_path(workload, &path))?)?;
    Ok(release.endpoints)
}

fn is_redacted(case: &Case) -> bool {
    case.input.to_string().contains(REDACTED)
}

/// The newest samples, oldest first, without those whose request was cut.
fn of_samples(client: &AdminClient, args: &RerunArgs) -> Result<(Vec<Case>, usize), Failure> {
    let count = args.count.unwrap_or(MOST_SAMPLES);
    if count > MOST_SAMPLES {
        let why = format!("--count {count} is above {MOST_SAMPLES}, the most samples to ask again");
        return Err(Failure::Usage(why));
    }
    let path = format!("/v1/samples?limit={count}&workload={}", segment(&args.workload));
    let samples: Samples = typed(&client.get(&path)?)?;
    let (mut cases, mut cut) = (Vec::new(), 0);
    let progress = Progress::bar(samples.samples.len() as u64, "reading samples");
    for summary in samples.samples.iter().rev() {
        progress.step();
        let detail = client.get(&format!("/v1/samples/{}", segment(&summary.id)))?;
        let sample: Sample = typed(&typed::<SampleDetail>(&detail)?.sample)?;
        if sample.truncated.request {
            cut += 1;
            continue;
        }
        cases.push(Case {
            content_hash: sample.input_hash(),
            id: sample.id,
            input: sample.input,
            expected: sample.expected,
            dataset_version: None,
        });
    }
    Ok((cases, cut))
}

/// The cases of a set: of each the latest version.
pub(super) fn of_dataset(
    file: &Path,
    wanted: Option<Split>,
    count: Option<u32>,
) -> Result<Vec<Case>, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    // What `dataset export` wrote is in no versioned set yet.
    let loose: Result<Vec<Record>, _> =
        text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect();
    let records = match loose {
        Ok(records) if records.iter().all(|record: &Record| record.dataset_version == 0) => records,
        _ => {
            let set = Dataset::read(&text).map_err(|error| wrong(error.to_string()))?;
            set.at(set.version()).into_iter().cloned().collect()
        }
    };
    let of_split = |record: &Record| wanted.is_none_or(|wanted| record.split == wanted);
    let cases = records.into_iter().filter(of_split).map(|record| Case {
        id: record.id,
        input: record.input,
        expected: record.expected,
        content_hash: record.content_hash,
        dataset_version: (record.dataset_version > 0).then_some(record.dataset_version),
    });
    Ok(cases.take(count.map_or(usize::MAX, |count| count as usize)).collect())
}

/// A line of the run.
fn line(args: &RerunArgs, judging: &Judging, case: &Case, answer: &Answer) -> Value {
    let (pass, reason, scores) = match answer {
        Answer::Silent(why) => (None, Some(why.clone()), Vec::new()),
        Answer::Refused(status) => (Some(false), Some(format!("answered {status}")), Vec::new()),
        Answer::Answered(half) => {
            let sample = sample(args, judging, case, half);
            let scores: Vec<Score> =
                judging.scorers.iter().flat_map(|spec| judge(spec, &sample)).collect();
            let gating: Vec<Score> =
                scores.iter().filter(|score| gates(judging, score)).cloned().collect();
            // Without a gating scorer all of them count.
            let counted = if gating.is_empty() { &scores } else { &gating };
            let bad = counted.iter().find(|score| score.pass != Some(true));
            let why = bad.map(|score| {
                let why = score.explanation.as_deref().unwrap_or(score.outcome());
                format!("{}: {why}", score.name)
            });
            (Score::together(counted), why, scores)
        }
    };
    let mut line = json!({
        "id": case.id, "pass": pass, "release": args.release, "content_hash": case.content_hash,
        "scores": scores,
    });
    if let Some(reason) = reason {
        line["reason"] = json!(reason);
    }
    if let Some(version) = case.dataset_version {
        line["dataset_version"] = json!(version);
    }
    if is_redacted(case) {
        line["redacted_input"] = json!(true);
    }
    line
}

/// Several scores of one scorer are `name` and `name.part`.
fn gates(judging: &Judging, score: &Score) -> bool {
    let owner = |spec: &ScorerSpec| {
        let rest = score.name.strip_prefix(spec.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    judging.scorers.iter().any(|spec| spec.gate && owner(spec))
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The exchange as live scoring would see it: put together and redacted.
fn sample(
    args: &RerunArgs,
    judging: &Judging,
    case: &Case,
    answer: &super::replay::Body,
) -> Sample {
    let asked = case.body();
    let facts = Facts {
        id: case.id.clone(),
        at_ms: now().as_millis() as u64,
        workload: args.workload.clone(),
        release: args.release.clone(),
        // Withheld from scorers, and counted by nobody.
        arm: Arm::Candidate,
        reason: SampleReason::Targeted,
        conversation: None,
        tenant: None,
        trace_id: None,
        metrics: Metrics {
            latency_s: Some(answer.took.as_secs_f64()),
            status: Some(answer.status),
            ..Metrics::default()
        },
        pair: None,
        metadata: BTreeMap::new(),
    };
    let path = args.target.path_of(&case.input);
    let captured = Captured {
        path: &path,
        protocol: judging.protocol,
        request: Half {
            bytes: &asked,
            content_type: case.content_type(),
            content_encoding: "",
            truncated: false,
        },
        response: Half {
            bytes: &answer.bytes,
            content_type: &answer.content_type,
            content_encoding: "",
            truncated: false,
        },
        confidence: answer.confidence.as_deref(),
        confidence_at: judging.confidence.as_deref(),
        limit: LARGEST,
    };
    Sample { expected: case.expected.clone(), ..Sample::of(facts, &captured, &judging.redactor) }
}

fn conclude(
    args: &RerunArgs,
    judged: &[Value],
    redacted: usize,
    cut: usize,
    format: Format,
) -> ExitCode {
    let count = |pass: Value| judged.iter().filter(|line| line["pass"] == pass).count() as u64;
    let (passed, failed, open) = (count(json!(true)), count(json!(false)), count(Value::Null));
    let mut series = Series::default();
    (series.scores.passed, series.scores.failed) = (passed, failed);
    let accuracy = figures(&series, &Series::default()).into_iter().next();
    let accuracy = accuracy.and_then(|figure| figure.candidate);
    let answer = json!({
        "workload": args.workload, "release": args.release, "cases": judged.len(),
        "passed": passed, "failed": failed, "unscored": open, "redacted_inputs": redacted,
        "left_out_because_cut": cut, "out": args.out,
        "accuracy": accuracy.map(|it| json!({ "value": it.value, "low": it.low, "high": it.high })),
    });
    output::show(format, &answer, || {
        let shown = match accuracy {
            Some(Estimate { value, low: Some(low), high: Some(high), .. }) => format!(
                "accuracy {:.1}% [{:.1}%, {:.1}%] (95%)",
                value * 100.0,
                low * 100.0,
                high * 100.0
            ),
            _ => "no data on accuracy".to_owned(),
        };
        format!(
            "{} on {} cases: {passed} passed, {failed} failed, {open} without a verdict; {shown}\n{redacted} inputs were redacted, {cut} samples left out because they were cut\nwritten to {}: compare with `stagegate eval gate --baseline … --candidate …`\n",
            args.release,
            judged.len(),
            args.out.display()
        )
    });
    if open == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
