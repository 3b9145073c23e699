//! `stagegate explain` and `stagegate decisions`: why a request went where it went.

use super::workload::OnlyWorkload;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::clip;
use crate::output::{self, Format, millis, moment, one_line};
use clap::{Args, Subcommand};
use stagegate_api::{
    Decision, DecisionExplained, DecisionFlag, Decisions, ExplainRequest, Explanation,
    RequestStage, StageSource,
};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// Options of `explain`: a request that was served, or one that could come.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The id of a request that was served (its `x-request-id`), or with --tenant, --user,
    /// --conversation or --with-request-id the workload that such a request would come to.
    #[arg(value_name = "REQUEST_ID|WORKLOAD")]
    #[arg(required_unless_present = "workload", conflicts_with = "workload")]
    about: Option<String>,
    /// The workload that a request would come to.
    #[arg(short, long)]
    workload: Option<String>,
    /// The request's tenant.
    #[arg(short, long)]
    tenant: Option<String>,
    /// The request's user.
    #[arg(short, long)]
    user: Option<String>,
    /// The request's conversation.
    #[arg(short, long)]
    conversation: Option<String>,
    /// The request's id, hashed where the wanted identity is unknown.
    #[arg(long, value_name = "ID")]
    with_request_id: Option<String>,
}

/// The commands below `decisions`.
#[derive(Subcommand, Debug)]
pub(crate) enum DecisionsCommand {
    /// List the newest decisions.
    #[command(after_help = examples!("decisions ls support-agent --tenant acme -n 5", "decisions ls --flag new-prompt=on"))]
    Ls(DecisionsArgs),
}

/// Options of `decisions ls`.
#[derive(Args, Debug)]
pub(crate) struct DecisionsArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// Only this tenant.
    #[arg(short, long)]
    tenant: Option<String>,
    /// Only with this flag, or with this variant of it.
    #[arg(long, value_name = "KEY[=VARIANT]")]
    flag: Option<String>,
    /// At most this many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &ExplainArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let identity = [&args.tenant, &args.user, &args.conversation, &args.with_request_id];
    let would_come = identity.iter().any(|id| id.is_some());
    if let Some(id) = args.about.as_ref().filter(|_| !would_come) {
        let answer = client.get(&format!("/v1/decisions/{}", segment(id)))?;
        let explained: DecisionExplained = typed(&answer)?;
        output::show(format, &answer, || recorded(&explained));
        return Ok(ExitCode::SUCCESS);
    }
    let body = ExplainRequest {
        workload: args.workload.clone().or(args.about.clone()).unwrap_or_default(),
        tenant: args.tenant.clone(),
        user: args.user.clone(),
        conversation: args.conversation.clone(),
        request_id: args.with_request_id.clone(),
    };
    let answer = client.send(&Method::POST, "/v1/explain", &body, Conditions::default())?;
    let explanation: Explanation = typed(&answer)?;
    output::show(format, &answer, || dry_run(&explanation));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn decisions(
    client: &AdminClient,
    command: &DecisionsCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let DecisionsCommand::Ls(args) = command;
    let mut path = format!("/v1/decisions?limit={}", args.limit);
    let workload = args.workload.name().map(str::to_owned);
    for (name, value) in [("workload", &workload), ("tenant", &args.tenant), ("flag", &args.flag)] {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", segment(value));
        }
    }
    let answer = client.get(&path)?;
    let found: Decisions = typed(&answer)?;
    output::show(format, &answer, || list(&found));
    Ok(ExitCode::SUCCESS)
}

/// Name and value pairs, one a line.
fn facts(pairs: &[(&str, String)]) -> String {
    pairs.iter().filter(|(_, value)| !value.is_empty()).fold(String::new(), |mut text, pair| {
        let _ = writeln!(text, "  {:<14}{}", pair.0, clip(&pair.1));
        text
    })
}

fn recorded(explained: &DecisionExplained) -> String {
    let decision = &explained.decision;
    let detail = if decision.detail.is_empty() {
        decision.reason.to_string()
    } else {
        format!("{} {}", decision.reason, decision.detail)
    };
    let bucket = decision
        .bucket
        .map_or_else(String::new, |bucket| format!("{bucket} of 100000, of the {}", decision.key));
    let pairs = [
        ("request", decision.request_id.clone()),
        ("replica", explained.replica.clone().unwrap_or_default()),
        ("at", moment(decision.at_ms)),
        ("workload", decision.workload.clone()),
        ("went to", format!("{} ({})", decision.release, decision.arm)),
        ("rule", detail),
        ("bucket", bucket),
        ("weight", decision.weight.clone()),
        ("epoch", decision.epoch.to_string()),
        ("tenant", decision.tenant.clone()),
        ("user", decision.user.clone()),
        ("conversation", decision.conversation.clone()),
        ("ended", format!("{} with status {}", decision.outcome, decision.status)),
        (
            "took",
            format!(
                "{}, {} to the first byte",
                millis(decision.duration_ms),
                millis(decision.first_byte_ms)
            ),
        ),
        (
            "sent again",
            if decision.retries > 0 { decision.retries.to_string() } else { String::new() },
        ),
        ("cost", spent(decision)),
        ("changed by", explained.request.clone().unwrap_or_default()),
        ("shadowed", if decision.shadowed { "yes".to_owned() } else { String::new() }),
    ];
    let (flags, stages) = (flags(&decision.flags), stages(&explained.stages));
    format!("{}\n{}{flags}{stages}", one_line(&explained.words), facts(&pairs))
}

/// Flags with their variants and what decided, one a line.
fn flags(sent: &[DecisionFlag]) -> String {
    sent.iter().fold(String::new(), |mut text, flag| {
        let variant = match flag.variant.as_str() {
            "" => "the backend's own default",
            variant => variant,
        };
        let asked = if flag.remote { ", asked by the agent" } else { "" };
        let line = format!("{} = {variant} ({}{asked})", flag.flag, flag.decided_by);
        let _ = writeln!(text, "  {:<14}{}", "flag", clip(&line));
        text
    })
}

/// One line a stage: how long, who said so, what it used.
fn stages(stages: &[RequestStage]) -> String {
    let mut text = String::new();
    for (number, stage) in stages.iter().enumerate() {
        let head = if number == 0 { "stages" } else { "" };
        let mut told = vec![format!("{} by {}", millis(stage.duration_ms), source(stage.source))];
        if stage.calls > 1 {
            told.push(format!("{} calls", stage.calls));
        }
        if stage.errors > 0 {
            told.push(format!("{} failed", stage.errors));
        }
        if stage.input_tokens + stage.output_tokens > 0 {
            let (input, output) = (stage.input_tokens, stage.output_tokens);
            told.push(format!("{input} tokens in, {output} out"));
        }
        if stage.cost_usd > 0.0 {
            told.push(format!("${}", stage.cost_usd));
        }
        if stage.unpriced_calls > 0 {
            told.push(format!("cost of {} unknown", stage.unpriced_calls));
        }
        let _ = writeln!(text, "  {head:<14}{}: {}", clip(&stage.stage), told.join(", "));
    }
    text
}

fn source(source: StageSource) -> &'static str {
    match source {
        StageSource::ServerTiming => "Server-Timing",
        StageSource::Trace => "trace",
    }
}

/// What the answer cost and was counted from; empty where nothing is known.
fn spent(decision: &Decision) -> String {
    let cost = decision.cost_usd.map(|usd| format!("${usd}"));
    let tokens = decision.input_tokens.zip(decision.output_tokens);
    let tokens = tokens.map(|(input, output)| format!("{input} tokens in, {output} out"));
    let known: Vec<String> = [cost, tokens].into_iter().flatten().collect();
    known.join(", ")
}

fn dry_run(explanation: &Explanation) -> String {
    let mut text = format!("{}\n", one_line(&explanation.words));
    for check in &explanation.rules {
        let mark = if check.decided { ">" } else { " " };
        let _ = writeln!(text, "{mark} {:<14}{}", check.rule, one_line(&check.why));
    }
    text.push_str(&facts(&[
        (
            "goes to",
            format!(
                "{} ({})",
                explanation.release.as_deref().unwrap_or("a fixed answer"),
                explanation.target
            ),
        ),
        ("changed by", explanation.request.clone().unwrap_or_default()),
        ("key", format!("{} {}", explanation.key_kind, explanation.key)),
        ("salt", explanation.salt.clone()),
        ("bucket", format!("{}, candidate below {}", explanation.bucket, explanation.weight_parts)),
        ("weight", explanation.weight.clone()),
        ("epoch", explanation.epoch.to_string()),
    ]));
    text.push_str(&flags(&explanation.flags));
    for caveat in &explanation.caveats {
        let _ = writeln!(text, "  note: {}", one_line(caveat));
    }
    text
}

/// Two lines a decision: its id must stay whole, `explain` takes it.
fn list(found: &Decisions) -> String {
    let mut text = String::new();
    for decision in &found.decisions {
        let tenant = match decision.tenant.as_str() {
            "" => String::new(),
            tenant => format!(", tenant {}", clip(tenant)),
        };
        let _ = writeln!(
            text,
            "{}  {}\n  {} by rule {}{tenant}, status {}, {}",
            moment(decision.at_ms),
            one_line(&decision.request_id),
            decision.release,
            decision.reason,
            decision.status,
            millis(decision.duration_ms),
        );
    }
    if text.is_empty() {
        text.push_str("no decisions recorded\n");
    }
    if !found.silent.is_empty() {
        let silent = one_line(&found.silent.join(", "));
        let _ = writeln!(text, "! no answer from replica {silent}: its decisions are missing");
    }
    text
}
