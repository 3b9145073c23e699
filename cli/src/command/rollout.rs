//! `stagegate rollout`: from one release to another, gate by gate.

use super::change::{ConditionArgs, VerbArgs, show_changed, verb, workload_path};
use super::evidence;
use crate::client::{AdminClient, Failure, typed};
use crate::output::table::Table;
use crate::output::{self, Format, moment, span};
use clap::{Args, Subcommand};
use serde_json::Value;
use stagegate_api::{
    OptionalReason, Promote, RolloutDetail, RolloutSummary, Rollouts, StartRollout,
    TransitionDetail,
};
use std::fmt::Write;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;
use ureq::http::Method;

/// How often `--watch` looks again.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What can be done with a rollout.
#[derive(Subcommand, Debug)]
pub(crate) enum RolloutCommand {
    /// Begin a rollout at the policy's first step.
    Start(StartArgs),
    /// Go to the next step: shows the measurements, asks, and promotes if they still hold.
    Promote(PromoteArgs),
    /// Stop it where it is; its triggers stay armed.
    Pause(PlainArgs),
    /// Let a paused rollout go on.
    Resume(PlainArgs),
    /// End it before its completion and take the candidate out.
    Abort(VerbArgs),
    /// Take the candidate out at once; after completion, put the former stable release back.
    Rollback(VerbArgs),
    /// Show where it is, what was measured and what it waits for.
    Status(StatusArgs),
    /// List the workload's rollouts and what became of them.
    History {
        /// The workload.
        workload: String,
    },
}

/// Options of `rollout start`.
#[derive(Args, Debug)]
pub(crate) struct StartArgs {
    /// The workload.
    workload: String,
    /// The release to roll out.
    #[arg(long)]
    to: String,
    /// The policy; the workload's own if left out.
    #[arg(long)]
    policy: Option<String>,
    /// Start although something is missing.
    #[arg(long = "override", requires = "reason")]
    overriding: bool,
    /// Why; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `rollout promote`.
#[derive(Args, Debug)]
pub(crate) struct PromoteArgs {
    /// The workload.
    workload: String,
    /// Promote only if this is still the newest analysis; else the one that is shown.
    #[arg(long, value_name = "ANALYSIS")]
    expect: Option<String>,
    /// Promote whatever the verdict is; needs the role admin.
    #[arg(long, requires = "reason")]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Why; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `rollout pause` and `rollout resume`.
#[derive(Args, Debug)]
pub(crate) struct PlainArgs {
    /// The workload.
    workload: String,
    /// Why; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `rollout status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// The workload.
    workload: String,
    /// Look again every second until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &RolloutCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        RolloutCommand::Start(args) => start(client, args, format),
        RolloutCommand::Promote(args) => promote(client, args, format),
        RolloutCommand::Pause(args) => plain(client, "pause", args, format),
        RolloutCommand::Resume(args) => plain(client, "resume", args, format),
        RolloutCommand::Abort(args) => verb(client, "rollouts/current/abort", args, format),
        RolloutCommand::Rollback(args) => verb(client, "rollback", args, format),
        RolloutCommand::Status(args) => status(client, args, format),
        RolloutCommand::History { workload } => history(client, workload, format),
    }
}

fn start(client: &AdminClient, args: &StartArgs, format: Format) -> Result<ExitCode, Failure> {
    let body = StartRollout {
        to: args.to.clone(),
        policy: args.policy.clone(),
        overriding: args.overriding,
        reason: args.reason.clone(),
    };
    let path = workload_path(&args.workload, "/rollouts");
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    show_changed(format, &answer)
}

fn current(client: &AdminClient, workload: &str) -> Result<(Value, RolloutDetail), Failure> {
    let raw = client.get(&workload_path(workload, "/rollouts/current"))?;
    let detail = typed(&raw)?;
    Ok((raw, detail))
}

fn promote(client: &AdminClient, args: &PromoteArgs, format: Format) -> Result<ExitCode, Failure> {
    let mut expect = args.expect.clone();
    if !args.yes {
        if format == Format::Json || !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(
                "promote asks before it acts: give --yes where nobody can answer".to_owned(),
            ));
        }
        let (_, detail) = current(client, &args.workload)?;
        output::answer(&rollout_text(&detail));
        // What was shown is what is promoted on.
        let shown = detail.analysis.as_ref().map(|analysis| analysis.id.clone());
        expect = expect.or(shown);
        if !asked_for(&next_step(&detail)) {
            output::note("not promoted");
            return Ok(ExitCode::FAILURE);
        }
    } else if format == Format::Table {
        let (_, detail) = current(client, &args.workload)?;
        output::answer(&rollout_text(&detail));
        expect = expect.or_else(|| detail.analysis.map(|analysis| analysis.id));
    }
    let body = Promote { expect, force: args.force, reason: args.reason.clone() };
    let path = workload_path(&args.workload, "/rollouts/current/promote");
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    show_changed(format, &answer)
}

/// The question before a promotion.
fn next_step(detail: &RolloutDetail) -> String {
    let next = detail.plan.get(detail.summary.step as usize);
    let weight = next.map_or("completion", |step| step.weight.as_str());
    format!("promote {} from {} to {weight}? [y/N] ", detail.summary.to, detail.weight)
}

fn asked_for(question: &str) -> bool {
    let mut out = std::io::stderr();
    let _ = std::io::Write::write_all(&mut out, question.as_bytes());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn plain(
    client: &AdminClient,
    verb: &str,
    args: &PlainArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = OptionalReason { reason: args.reason.clone() };
    let path = workload_path(&args.workload, &format!("/rollouts/current/{verb}"));
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    show_changed(format, &answer)
}

fn status(client: &AdminClient, args: &StatusArgs, format: Format) -> Result<ExitCode, Failure> {
    loop {
        let (raw, detail) = current(client, &args.workload)?;
        if args.watch && format == Format::Table && std::io::stdout().is_terminal() {
            // Home and clear below: less flicker than clearing the whole screen first.
            output::answer(&format!("\x1b[H\x1b[J{}", rollout_text(&detail)));
        } else {
            output::show(format, &raw, || rollout_text(&detail));
        }
        if !args.watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

/// A rollout in one line, for every place that names it.
pub(crate) fn line(summary: &RolloutSummary) -> String {
    let verdict = match &summary.verdict {
        Some(verdict) if summary.active => format!(", {verdict}"),
        _ => String::new(),
    };
    format!(
        "{} -> {}: {}, step {} of {}{verdict}",
        summary.from,
        summary.to,
        summary.phase.replace('_', " "),
        summary.step,
        summary.steps,
    )
}

fn rollout_text(detail: &RolloutDetail) -> String {
    let summary = &detail.summary;
    let mut text = format!(
        "{}   {}   weight {}   policy {}\n",
        detail.workload,
        line(summary),
        detail.weight,
        summary.policy
    );
    let _ = writeln!(
        text,
        "  rollout {}, started by {} at {}{}",
        summary.id,
        detail.started.by,
        moment(detail.started.at_ms),
        because(&detail.started.reason)
    );
    if !summary.active {
        let _ = writeln!(
            text,
            "  ended by {} at {}{}",
            summary.since.by,
            moment(summary.since.at_ms),
            because(&summary.since.reason)
        );
    }
    if !detail.waived.is_empty() {
        let _ =
            writeln!(text, "  ! not measured, waived at the start: {}", detail.waived.join(", "));
    }
    match &detail.analysis {
        Some(analysis) => {
            text.push_str(&evidence::text(analysis));
            let _ = writeln!(text, "  analysis {}", analysis.id);
        }
        None if summary.active => text.push_str("  nothing has been measured in this step yet\n"),
        None => text.push_str(&transitions(&detail.history)),
    }
    text
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn transitions(history: &[TransitionDetail]) -> String {
    let mut table = Table::new(["at", "what", "step", "weight", "by", "why"]).indented();
    for transition in history {
        table.row(vec![
            moment(transition.mark.at_ms),
            transition.turn.replace('_', " "),
            transition.step.to_string(),
            transition.weight.clone(),
            transition.mark.by.clone(),
            transition.mark.reason.clone(),
        ]);
    }
    table.or("nothing happened")
}

fn history(client: &AdminClient, workload: &str, format: Format) -> Result<ExitCode, Failure> {
    let raw = client.get(&workload_path(workload, "/rollouts"))?;
    let rollouts: Rollouts = typed(&raw)?;
    output::show(format, &raw, || {
        let mut table =
            Table::new(["rollout", "from", "to", "phase", "step", "began", "took", "why"]);
        for past in &rollouts.rollouts {
            let took = past
                .ended_ms
                .map_or_else(String::new, |ended| span(ended.saturating_sub(past.started_ms)));
            table.row(vec![
                past.summary.id.clone(),
                past.summary.from.clone(),
                past.summary.to.clone(),
                past.summary.phase.replace('_', " "),
                format!("{}/{}", past.summary.step, past.summary.steps),
                moment(past.started_ms),
                took,
                past.summary.since.reason.clone(),
            ]);
        }
        table.or("no rollouts yet")
    });
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{PromoteArgs, promote, rollout_text};
    use crate::canned;
    use crate::client::Failure;
    use crate::command::change::ConditionArgs;
    use crate::output::Format;
    use serde_json::{Value, json};
    use stagegate_api::RolloutDetail;

    fn detail(phase: &str) -> Value {
        let mark = |by: &str, reason: &str| json!({ "by": by, "reason": reason, "at_ms": 0 });
        json!({
            "epoch": 7, "workload": "agent", "id": "agent~v43~2", "from": "v42", "to": "v43",
            "policy": "default", "phase": phase, "active": phase == "progressing", "step": 1,
            "steps": 4, "since": mark("stagegate", "latency axis: gate latency/p99/max violated"),
            "verdict": "inconclusive", "weight": "1%", "started": mark("deployer", ""),
            "step_since_ms": 0, "waived": [],
            "plan": [
                { "weight": "1%", "hold_ms": 1, "requests": 1, "scored": 0, "watch_ms": 0 },
                { "weight": "10%", "hold_ms": 1, "requests": 1, "scored": 0, "watch_ms": 0 },
            ],
            "history": [{ "turn": "rolled_back", "step": 1, "weight": "0%",
                          "mark": mark("stagegate", "latency axis") }],
        })
    }

    #[test]
    fn a_rollout_that_ended_says_who_ended_it_and_why() {
        let detail: RolloutDetail =
            serde_json::from_value(detail("rolled_back")).expect("the shape");
        let text = rollout_text(&detail);
        for wanted in
            ["v42 -> v43: rolled back, step 1 of 4", "ended by stagegate", "latency/p99/max"]
        {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
    }

    #[test]
    fn a_promotion_without_a_person_must_say_yes() {
        let (client, _never_asked) = canned::answer("200 OK", &detail("progressing").to_string());
        let args = PromoteArgs {
            workload: "agent".into(),
            expect: None,
            force: false,
            yes: false,
            reason: None,
            conditions: ConditionArgs::default(),
        };
        let failure = promote(&client, &args, Format::Json).expect_err("nobody can answer");
        assert!(matches!(failure, Failure::Usage(_)) && failure.to_string().contains("--yes"));
    }
}
