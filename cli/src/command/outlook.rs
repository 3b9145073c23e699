//! `stagegate plan` and `stagegate gate replay`: looking ahead, and looking back.

use super::workload::workload_path;
use crate::Duration;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, Progress, counted, grouped, moment, percent, span};
use clap::{Args, Subcommand};
use stagegate_api::{Outlook, ReplayGates, Replayed};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use ureq::http::Method;

/// Options of `plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The workload.
    workload: String,
    /// Requests a second of both arms; measured over the last quarter of an hour if left out.
    #[arg(long)]
    rps: Option<f64>,
    /// Dollars of a request, for what the steps will cost.
    #[arg(long, value_name = "USD")]
    usd_per_request: Option<f64>,
    /// Requests of a conversation, of which scorers count one response; measured in the newest rollout if left out.
    #[arg(long, value_name = "N")]
    turns: Option<f64>,
    /// How much the turns of a conversation hang together (intraclass correlation, 0 to 1); measured in the
    /// newest rollout if left out.
    #[arg(long)]
    icc: Option<f64>,
    /// The policy; the workload's own if left out.
    #[arg(long)]
    policy: Option<String>,
}

/// The commands below `gate`.
#[derive(Subcommand, Debug)]
pub(crate) enum GateCommand {
    /// Show what another policy would have decided on recorded data.
    #[command(after_help = examples!("gate replay support-agent --policy stricter.yaml --since 14d"))]
    Replay(ReplayArgs),
}

/// Options of `gate replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The workload.
    workload: String,
    /// A YAML file with the key `policies`.
    #[arg(long = "policy", value_name = "FILE")]
    file: PathBuf,
    /// The policy, where the file has several.
    #[arg(long)]
    name: Option<String>,
    /// Judge look by look, where `measurements.ticks` kept every look: the policy of the time then gives the very
    /// figures of the time.
    #[arg(long)]
    exact: bool,
    /// The time to look back.
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    since: Duration,
}

pub(crate) fn plan(
    client: &AdminClient,
    args: &PlanArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let mut query = Vec::new();
    query.extend(args.rps.map(|rps| format!("rps={rps}")));
    query.extend(args.usd_per_request.map(|usd| format!("usd_per_request={usd}")));
    query.extend(args.turns.map(|turns| format!("turns={turns}")));
    query.extend(args.icc.map(|icc| format!("icc={icc}")));
    query.extend(args.policy.as_ref().map(|policy| format!("policy={}", segment(policy))));
    let path = workload_path(&args.workload, &format!("/plan?{}", query.join("&")));
    let raw = client.get(&path)?;
    let outlook: Outlook = typed(&raw)?;
    output::show(format, &raw, || outlook_text(&outlook));
    Ok(ExitCode::SUCCESS)
}

/// The columns of a plan, in words.
const LEGEND: &str = "\
needs        values of the candidate before the gate's first look; of a
             conversation, scorers count one response
per unit     values that carry as much as one independent value: turns of a
             conversation share their luck
good passes  chance that the first look passes a candidate as good as stable
finds        a regression to this share of bad values is rolled back ...
within       ... in half of the cases in this time, the gate's `for` apart
";

fn outlook_text(outlook: &Outlook) -> String {
    let mut text = format!(
        "{}: policy {}, {:.1} requests a second ({})\n",
        outlook.workload, outlook.policy, outlook.rps, outlook.rps_from
    );
    if outlook.turns >= 1.0 {
        let _ =
            writeln!(text, "{:.1} requests a conversation ({})", outlook.turns, outlook.turns_from);
    }
    for (number, step) in (1..).zip(&outlook.steps) {
        let takes = step.takes_ms.map_or_else(|| "never".to_owned(), span);
        let _ = write!(
            text,
            "step {number}, {}: {takes} ({}),\n  {}",
            step.weight,
            step.because,
            counted(step.requests, "candidate request")
        );
        if let Some(passes) = step.passes {
            let likely = match step.likely_ms {
                Some(ms) => format!("90% after {}", span(ms)),
                None => "90% not within a year".to_owned(),
            };
            let _ = write!(text, ", a good one passes in {}, {likely}", percent(passes));
        }
        let cost = if step.usd > 0.0 { format!(", ${:.2}", step.usd) } else { String::new() };
        let _ = writeln!(text, "{cost}");
        let mut table = Table::new(["gate", "needs", "per unit", "good passes", "finds", "within"])
            .whole([0])
            .indented();
        for gate in &step.gates {
            table.row(vec![
                gate.gate.clone(),
                grouped(gate.needed),
                gate.effect.map_or_else(String::new, |effect| format!("{effect:.1}")),
                gate.passes.map_or_else(String::new, percent),
                gate.regression.map_or_else(String::new, percent),
                gate.found_in_ms.map_or_else(String::new, span),
            ]);
        }
        text.push_str(&table.or("no gates"));
    }
    text.push_str(LEGEND);
    text
}

pub(crate) fn gate(
    client: &AdminClient,
    command: &GateCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    let GateCommand::Replay(args) = command;
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.file.display())))?;
    let text = policies_of(&text).ok_or_else(|| {
        Failure::Usage(format!(
            "{} has no `policies:`; write `policies: {{ NAME: {{ steps: …, gates: … }} }}`",
            args.file.display()
        ))
    })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = now.saturating_sub(args.since.0).as_millis() as u64;
    let body = ReplayGates { text, policy: args.name.clone(), since_ms: since, exact: args.exact };
    let path = workload_path(&args.workload, "/gates/replay");
    let waiting = Progress::spinner("replaying");
    let raw = client.send(&Method::POST, &path, &body, Conditions::default())?;
    drop(waiting);
    let replayed: Replayed = typed(&raw)?;
    output::show(format, &raw, || replayed_text(&replayed));
    Ok(ExitCode::SUCCESS)
}

/// The text with nothing but its `policies`: other keys of a whole configuration are the server's own
/// business. Lines keep their numbers. `None` where there are no policies.
fn policies_of(text: &str) -> Option<String> {
    if text.trim_start().starts_with('{') {
        return text.contains("policies").then(|| text.to_owned());
    }
    let (mut kept, mut within, mut found) = (String::new(), false, false);
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '_')) {
            let key = line.split(':').next().unwrap_or_default();
            within = key.trim().trim_matches(['"', '\'']) == "policies";
            found |= within;
        }
        kept.push_str(if within { line } else { "" });
        kept.push('\n');
    }
    found.then_some(kept)
}

fn replayed_text(replayed: &Replayed) -> String {
    let mut text = String::new();
    for rollout in &replayed.rollouts {
        let _ = writeln!(
            text,
            "{} -> {} under policy {}: {}, {} spared",
            rollout.from,
            rollout.to,
            replayed.policy,
            counted(rollout.windows, "window"),
            counted(rollout.spared, "candidate request")
        );
        let mut table =
            Table::new(["at", "step", "weight", "verdict", "why"]).whole([0]).indented();
        for event in &rollout.events {
            let first = event.analysis.blocks.first().cloned();
            table.row(vec![
                moment(event.at_ms),
                event.step.to_string(),
                event.weight.clone(),
                if event.trigger.is_some() { "ROLLBACK" } else { event.verdict.as_str() }
                    .to_owned(),
                event.trigger.clone().or(first).unwrap_or_default(),
            ]);
        }
        text.push_str(&table.or("no event"));
        if let Some(last) = &rollout.last {
            let _ = writeln!(text, "  the last analysis, {}:", moment(last.at_ms));
            for gate in &last.gates {
                let evidence = gate.ln_evidence.map(|ln| format!(", evidence e^{ln:.3}"));
                let words = output::one_line(&gate.words);
                let _ = writeln!(text, "  {}: {words}{}", gate.gate, evidence.unwrap_or_default());
            }
        }
    }
    if text.is_empty() {
        text.push_str("nothing was recorded in that time: windows are kept while a rollout runs\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{outlook_text, policies_of, replayed_text};
    use serde_json::json;

    #[test]
    fn a_step_that_never_ends_says_why() {
        let text = outlook_text(
            &serde_json::from_value(json!({
                "workload": "agent", "policy": "default", "rps": 0.0, "rps_from": "measured",
                "steps": [{ "weight": "1%", "because": "5000 requests", "requests": 0, "usd": 0.0,
                            "gates": [{ "gate": "error/permanent/max", "needed": 299 }] }],
            }))
            .expect("the API's own shape"),
        );
        assert!(text.contains("step 1, 1%: never (5000 requests)"), "{text}");
        assert!(text.contains("error/permanent/max  299"), "{text}");
        assert!(text.contains("good passes  chance that"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_step_says_how_many_good_candidates_pass_it_and_by_when() {
        let step = json!({
            "weight": "1%", "takes_ms": 3_000_000, "because": "5000 requests", "requests": 5000, "usd": 20.0,
            "passes": 0.78, "likely_ms": 6_000_000, "gates": []
        });
        let mut outlook = json!({
            "workload": "agent", "policy": "default", "rps": 166.7, "rps_from": "given", "turns": 8.0,
            "turns_from": "assumed", "steps": [step]
        });
        let text = outlook_text(&serde_json::from_value(outlook.clone()).expect("the API's shape"));
        assert!(text.contains("\n8.0 requests a conversation (assumed)\n"), "{text}");
        assert!(text.contains("a good one passes in 78.0%, 90% after 100m, $20.00"), "{text}");
        outlook["steps"][0]["likely_ms"] = json!(null);
        let text = outlook_text(&serde_json::from_value(outlook).expect("the API's shape"));
        assert!(text.contains("90% not within a year"), "{text}");
    }

    #[test]
    fn only_the_policies_of_a_file_are_sent() {
        let whole =
            "listeners: []\npolicies:\n  strict:\n    steps: []\n# end\nworkloads:\n  a: {}\n";
        let kept = policies_of(whole).expect("policies");
        assert_eq!(kept, "\npolicies:\n  strict:\n    steps: []\n# end\n\n\n");
        assert_eq!(policies_of("policies: {}\n").as_deref(), Some("policies: {}\n"));
        assert_eq!(policies_of("listeners: []\n"), None);
    }

    #[test]
    fn without_a_recording_the_answer_says_so() {
        let nothing = json!({ "policy": "strict", "rollouts": [] });
        let text = replayed_text(&serde_json::from_value(nothing).expect("the API's own shape"));
        assert!(text.contains("nothing was recorded"), "{text}");
    }
}
