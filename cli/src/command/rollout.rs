//! `stagegate rollout`: from one release to another, gate by gate.

use super::change::{VerbArgs, verb};
use super::checklist;
use super::preview;
use super::rollout_text::rollout_text;
use super::send::{ConditionArgs, Order, Preview, below};
use super::wait::{self, WaitArgs};
use super::watch::watch;
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, ask, counted, moment, screen, span};
use clap::{Args, Subcommand};
use serde_json::Value;
use stagegate_api::{OptionalReason, Outlook, Promote, RolloutDetail, Rollouts, StartRollout};
use std::process::ExitCode;
use std::time::Duration;
use ureq::http::Method;

/// Refresh interval of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The commands below `rollout`.
#[derive(Subcommand, Debug)]
pub(crate) enum RolloutCommand {
    /// Start a rollout at the policy's first step.
    #[command(after_help = examples!("rollout start support-agent --to v43 --reason 'new prompt'", "rollout start support-agent --to v43 --dry-run", "rollout start support-agent --flag new-prompt --to on", "rollout start support-agent --aa --reason 'is the measuring honest?'"))]
    Start(StartArgs),
    /// Go to the next step: shows the measurements, asks, and promotes if they still hold.
    #[command(after_help = examples!("rollout promote support-agent", "rollout promote support-agent --yes --reason 'all gates pass'"))]
    Promote(PromoteArgs),
    /// Pause it at its step; its rollback triggers stay armed.
    #[command(after_help = examples!("rollout pause support-agent --reason 'incident elsewhere'"))]
    Pause(PlainArgs),
    /// Resume a paused rollout.
    #[command(after_help = examples!("rollout resume support-agent"))]
    Resume(PlainArgs),
    /// End it before its completion and take the candidate out.
    #[command(after_help = examples!("rollout abort support-agent --reason 'a better prompt is ready'"))]
    Abort(VerbArgs),
    /// Take the candidate out at once; after completion, put the former stable release back.
    #[command(after_help = examples!("rollout rollback support-agent --reason 'wrong answers'"))]
    Rollback(VerbArgs),
    /// Show its step, its measurements and what it waits for.
    #[command(after_help = examples!("rollout status support-agent --watch"))]
    Status(StatusArgs),
    /// Wait until the gates permit the next step: for pipelines. Fails when the rollout is taken out.
    #[command(after_help = examples!("rollout wait support-agent --timeout 2h"))]
    Wait(WaitArgs),
    /// List the workload's rollouts and their outcomes.
    #[command(after_help = examples!("rollout history support-agent"))]
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
    /// The release to roll out; with --flag, the variant.
    #[arg(long, value_name = "NAME", required_unless_present = "aa")]
    to: Option<String>,
    /// Roll out a variant of this flag, on the stable release.
    #[arg(long, value_name = "KEY", requires = "to")]
    flag: Option<String>,
    /// Compare the stable release with itself (A/A): it ends by itself and says whether the measuring is honest.
    #[arg(long, conflicts_with = "to")]
    aa: bool,
    /// The policy; the workload's own if left out.
    #[arg(long)]
    policy: Option<String>,
    /// Start although something is missing.
    #[arg(long = "override", requires = "reason")]
    overriding: bool,
    /// The ticket that it belongs to; messages, report and hand-off pack name it.
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    /// The reason; it is recorded.
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
    /// The reason; it is recorded.
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
    /// The reason; it is recorded.
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
        RolloutCommand::Wait(args) => wait::run(client, args, format),
        RolloutCommand::History { workload } => history(client, workload, format),
    }
}

fn start(client: &AdminClient, args: &StartArgs, format: Format) -> Result<ExitCode, Failure> {
    let body = StartRollout {
        to: args.to.clone(),
        flag: args.flag.clone(),
        aa: args.aa,
        policy: args.policy.clone(),
        overriding: args.overriding,
        ticket: args.ticket.clone(),
        reason: args.reason.clone(),
    };
    let (workload, path, conditions) =
        (args.workload.as_str(), "/rollouts".to_owned(), &args.conditions);
    Order { workload, method: Method::POST, path, body, conditions }.run(
        client,
        format,
        |now, seen| {
            let policy = args.policy.as_ref().map(|it| format!("?policy={}", segment(it)));
            let path = format!("/plan{}", policy.unwrap_or_default());
            let plan: Outlook = typed(&client.get(&workload_path(workload, &path))?)?;
            let first = plan.steps.first().map_or("0%", |step| step.weight.as_str());
            let Some(to) = &args.to else {
                preview::start_aa(now, seen);
                return Ok(());
            };
            let asked = args.policy.as_deref();
            match &args.flag {
                None => {
                    preview::start(now, to, first, seen);
                    let (_, list) = checklist::fetch(client, workload, Some(to), asked)?;
                    preview::checks(&list, args.overriding, seen);
                }
                Some(flag) => {
                    let to = format!("{} with {} of flag {flag}", now.stable, to);
                    preview::start(now, &to, first, seen);
                    seen.who("its release is checked when the rollout starts");
                }
            }
            seen.who(format!(
                "{} of policy {} follow; `stagegate plan {workload}` says how long they take",
                counted(plan.steps.len() as u64, "step"),
                plan.policy
            ));
            Ok(())
        },
    )
}

fn current(client: &AdminClient, workload: &str) -> Result<(Value, RolloutDetail), Failure> {
    let raw = client.get(&workload_path(workload, "/rollouts/current"))?;
    let detail = typed(&raw)?;
    Ok((raw, detail))
}

fn promote(client: &AdminClient, args: &PromoteArgs, format: Format) -> Result<ExitCode, Failure> {
    let mut expect = args.expect.clone();
    let asks = !args.yes && !args.conditions.dry_run;
    if asks && (format == Format::Json || !ask::somebody_there()) {
        return Err(Failure::Usage(
            "promote asks before it acts: give --yes where nobody can answer".to_owned(),
        ));
    }
    if asks || (format == Format::Table && !args.conditions.dry_run) {
        let (raw, detail) = current(client, &args.workload)?;
        output::show(Format::Table, &raw, || rollout_text(&detail));
        // The promotion rests on the analysis that was shown.
        expect = expect.or_else(|| detail.analysis.as_ref().map(|analysis| analysis.id.clone()));
        if asks && !ask::agreed(&next_step(&detail)) {
            output::note("not promoted");
            return Ok(ExitCode::FAILURE);
        }
    }
    let body = Promote { expect, force: args.force, reason: args.reason.clone() };
    let (workload, path, conditions) =
        (args.workload.as_str(), "/rollouts/current/promote".to_owned(), &args.conditions);
    Order { workload, method: Method::POST, path, body, conditions }.run(
        client,
        format,
        |now, seen| {
            let (_, detail) = current(client, workload)?;
            describe_promotion(&detail, args.force, seen);
            seen.who(format!("stable is {}", now.stable));
            Ok(())
        },
    )
}

fn describe_promotion(detail: &RolloutDetail, force: bool, seen: &mut Preview) {
    let summary = &detail.summary;
    if !summary.active || summary.phase != "progressing" {
        seen.refused(format!("rollout {} is {}", summary.id, summary.phase.replace('_', " ")));
    }
    let next = detail.plan.get(summary.step as usize).map_or("100%", |step| step.weight.as_str());
    seen.moves("step", summary.step.to_string(), (summary.step + 1).to_string());
    seen.moves("weight", detail.weight.clone(), next);
    let verdict = detail.analysis.as_ref().map_or("none yet", |it| it.verdict.as_str());
    if verdict != "pass" && !force {
        seen.refused(format!("the verdict is {verdict}, and only pass permits a promotion"));
        let blocks = detail.analysis.iter().flat_map(|it| &it.blocks);
        blocks.for_each(|block| seen.who(format!("waits for: {block}")));
    }
}

/// The question before a promotion.
fn next_step(detail: &RolloutDetail) -> String {
    let next = detail.plan.get(detail.summary.step as usize);
    let weight = next.map_or("completion", |step| step.weight.as_str());
    format!("promote {} from {} to {weight}?", detail.summary.to, detail.weight)
}

fn plain(
    client: &AdminClient,
    verb: &str,
    args: &PlainArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = OptionalReason { reason: args.reason.clone() };
    let path = below(&["rollouts", "current", verb]);
    let (workload, conditions) = (args.workload.as_str(), &args.conditions);
    Order { workload, method: Method::POST, path, body, conditions }.run(
        client,
        format,
        |_, seen| {
            let (_, detail) = current(client, workload)?;
            let (phase, wanted) = (detail.summary.phase.as_str(), verb == "pause");
            let to = if wanted { "paused" } else { "progressing" };
            if !detail.summary.active || (!wanted && phase != "paused") {
                seen.refused(format!("rollout {} is {phase}", detail.summary.id));
            }
            if phase != to {
                seen.moves(&format!("rollout {}", detail.summary.id), phase, to);
            }
            seen.who(format!("nobody moves: the weight stays {}", detail.weight));
            Ok(())
        },
    )
}

fn status(client: &AdminClient, args: &StatusArgs, format: Format) -> Result<ExitCode, Failure> {
    if args.watch && format == Format::Table && screen::can_redraw() {
        return watch(WATCH_EVERY, || {
            let (_, detail) = current(client, &args.workload)?;
            Ok(rollout_text(&detail))
        });
    }
    loop {
        let (raw, detail) = current(client, &args.workload)?;
        output::show(format, &raw, || rollout_text(&detail));
        if !args.watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

fn history(client: &AdminClient, workload: &str, format: Format) -> Result<ExitCode, Failure> {
    let raw = client.get(&workload_path(workload, "/rollouts"))?;
    let rollouts: Rollouts = typed(&raw)?;
    output::show(format, &raw, || {
        let mut table =
            Table::new(["rollout", "phase", "step", "began", "took", "why"]).whole([0, 3]);
        for past in &rollouts.rollouts {
            let took = past
                .ended_ms
                .map_or_else(String::new, |ended| span(ended.saturating_sub(past.started_ms)));
            table.row(vec![
                past.summary.id.clone(),
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
    use crate::command::send::ConditionArgs;
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
    fn a_rollout_says_why_a_gate_on_costs_has_no_values() {
        let mut told = detail("progressing");
        told["unknown_cost"] =
            json!("the cost of 7 of 7 responses is unknown: nothing names the model (7)");
        let detail: RolloutDetail = serde_json::from_value(told).expect("the shape");
        let text = rollout_text(&detail);
        assert!(text.contains("  ! the cost of 7 of 7 responses is unknown"), "{text}");
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
