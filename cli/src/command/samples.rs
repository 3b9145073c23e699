//! `stagegate samples` and `scores`: what was sampled, and what was said about it.

use super::workload::OnlyWorkload;
use crate::Duration;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, moment};
use clap::{Args, Subcommand};
use serde_json::Value;
use stagegate_api::{GiveScores, GivenScore, SampleDetail, SampleSummary, Samples, ScoresTaken};
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use ureq::http::Method;

/// The commands below `samples`.
#[derive(Subcommand, Debug)]
pub(crate) enum SamplesCommand {
    /// List the newest samples, or search them.
    #[command(after_help = examples!("samples ls support-agent --failed --since 24h", "samples ls --tenant acme --text refund"))]
    Ls(Box<ListArgs>),
    /// Show one sample with its scores.
    #[command(after_help = examples!("samples show 0190a1b2-request-id"))]
    Show {
        /// The request's id.
        request_id: String,
    },
}

/// The samples that are meant.
#[derive(Args, Debug)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// Only this arm: `stable` or `candidate`.
    #[arg(long)]
    arm: Option<String>,
    /// Only what this release answered.
    #[arg(long)]
    release: Option<String>,
    /// Only what this tenant asked.
    #[arg(long)]
    tenant: Option<String>,
    /// Only those that this scorer judged; with --failed, those that it failed.
    #[arg(long, value_name = "NAME")]
    scorer: Option<String>,
    /// Only those that a gating scorer, a labelled set or a person failed.
    #[arg(long)]
    failed: bool,
    /// Only those with this text in the request or the answer, in any letter case.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those of the last `30m`, `24h` or `7d`.
    #[arg(long, value_name = "TIME")]
    since: Option<Duration>,
    /// Only those older than `1h`.
    #[arg(long, value_name = "TIME")]
    until: Option<Duration>,
}

/// The samples that are meant, and how many.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// At most this many, up to 1000.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// Continue where an earlier list stopped.
    #[arg(long, value_name = "NUMBER")]
    cursor: Option<u64>,
}

/// The commands below `scores`.
#[derive(Subcommand, Debug)]
pub(crate) enum ScoresCommand {
    /// Record whether an answer was right. The first verdict on a sample counts.
    #[command(after_help = examples!("scores add 0190a1b2-request-id --fail --reason 'invented a discount'"))]
    Add(AddArgs),
}

/// One verdict.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// The request's id.
    request_id: String,
    /// It was right.
    #[arg(long, conflicts_with = "fail", required_unless_present = "fail")]
    pass: bool,
    /// It was wrong.
    #[arg(long)]
    fail: bool,
    /// The scorer name under which the verdict is stored.
    #[arg(long, default_value = "human")]
    name: String,
    /// The reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// The moment that long ago, in Unix milliseconds.
pub(crate) fn since_ms(span: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(span.0).as_millis() as u64
}

/// One page of at most `limit` samples.
pub(crate) fn page(
    client: &AdminClient,
    args: &FilterArgs,
    limit: usize,
    cursor: Option<u64>,
) -> Result<(Value, Samples), Failure> {
    let mut path = format!("/v1/samples?limit={limit}&failed={}", args.failed);
    let workload = args.workload.name().map(str::to_owned);
    let texts = [
        ("workload", &workload),
        ("arm", &args.arm),
        ("release", &args.release),
        ("tenant", &args.tenant),
        ("scorer", &args.scorer),
        ("text", &args.text),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", segment(value));
        }
    }
    for (name, ago) in [("since_ms", args.since), ("until_ms", args.until)] {
        if let Some(ago) = ago {
            let _ = write!(path, "&{name}={}", since_ms(ago));
        }
    }
    if let Some(cursor) = cursor {
        let _ = write!(path, "&cursor={cursor}");
    }
    let answer = client.get(&path)?;
    let samples = typed(&answer)?;
    Ok((answer, samples))
}

/// Walks pages until `limit` samples are there or there are no more; gives them newest first.
pub(crate) fn all(
    client: &AdminClient,
    args: &FilterArgs,
    limit: usize,
) -> Result<Vec<SampleSummary>, Failure> {
    const PAGE: usize = 500;
    let (mut found, mut cursor) = (Vec::new(), None);
    while found.len() < limit {
        let (_, page) = page(client, args, PAGE.min(limit - found.len()), cursor)?;
        found.extend(page.samples);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

pub(crate) fn samples(
    client: &AdminClient,
    command: &SamplesCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        SamplesCommand::Ls(args) => {
            let (answer, found) = page(client, &args.filter, args.limit, args.cursor)?;
            output::show(format, &answer, || {
                let more = found.next.map(|next| format!("more: --cursor {next}\n"));
                table(&found.samples) + &more.unwrap_or_default()
            });
        }
        SamplesCommand::Show { request_id } => {
            let answer = client.get(&format!("/v1/samples/{}", segment(request_id)))?;
            let detail: SampleDetail = typed(&answer)?;
            output::show(format, &answer, || shown(&detail));
        }
    }
    Ok(ExitCode::SUCCESS)
}

const fn verdict(pass: Option<bool>) -> &'static str {
    match pass {
        Some(true) => "pass",
        Some(false) => "fail",
        None => "",
    }
}

fn table(samples: &[SampleSummary]) -> String {
    let mut table =
        Table::new(["id", "at", "workload", "release", "arm", "reason", "verdict", "label"])
            .whole([0, 1]);
    for sample in samples {
        let open = if sample.open { "open" } else { "unscored" };
        let said = verdict(sample.pass);
        table.row(vec![
            sample.id.clone(),
            moment(sample.at_ms),
            sample.workload.clone(),
            sample.release.clone(),
            sample.arm.to_string(),
            sample.reason.to_string(),
            if said.is_empty() { open } else { said }.to_owned(),
            verdict(sample.label).to_owned(),
        ]);
    }
    table.or("no samples")
}

fn shown(detail: &SampleDetail) -> String {
    let mut text = table(std::slice::from_ref(&detail.summary));
    let mut scores = Table::new(["score", "verdict", "value", "by", "why"]);
    for score in &detail.scores {
        let said = verdict(score.pass);
        scores.row(vec![
            score.name.clone(),
            if said.is_empty() { "unscored" } else { said }.to_owned(),
            score.value.map(|value| format!("{value:.3}")).unwrap_or_default(),
            score.by.clone(),
            score.explanation.clone().unwrap_or_default(),
        ]);
    }
    let _ = writeln!(text, "\n{}", scores.or("no scorer and no person has judged it"));
    if let Some(review) = &detail.review {
        let right = review.expected.as_ref().map(|it| format!("; right is {it}"));
        let (verdict, by, at) = (&review.verdict, &review.by, moment(review.at_ms));
        let _ =
            writeln!(text, "reviewed by {by} at {at}: {verdict}{}\n", right.unwrap_or_default());
    }
    let _ = writeln!(text, "{}", output::json(&detail.sample));
    text
}

pub(crate) fn scores(
    client: &AdminClient,
    command: &ScoresCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let ScoresCommand::Add(args) = command;
    let score = GivenScore {
        id: args.request_id.clone(),
        name: args.name.clone(),
        pass: Some(args.pass && !args.fail),
        explanation: args.reason.clone(),
        ..GivenScore::default()
    };
    let body = GiveScores { scores: vec![score] };
    let answer = client.send(&Method::POST, "/v1/scores", &body, Conditions::default())?;
    let taken: ScoresTaken = typed(&answer)?;
    let result = taken.results.first().map_or("unknown", |taken| taken.result.as_str());
    output::show(format, &answer, || match result {
        "unknown" => {
            format!("{} is not a sample: `stagegate samples ls` lists them\n", args.request_id)
        }
        "repeated" => format!("`{}` has judged it before; the first verdict counts\n", args.name),
        other => format!("{other}\n"),
    });
    let good = matches!(result, "counted" | "kept");
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
