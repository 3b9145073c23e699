//! A change of one workload: sent, or with `--dry-run` only described.

use super::fleet::outcome_text;
use super::workload::workload_path;
use crate::client::{AdminClient, Conditions, Failure, segment, typed};
use crate::output::{self, Format, millis, one_line};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use stagegate_api::{Changed, FleetOutcome, WorkloadDetail};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// Options for dry runs, conditional changes and idempotent retries.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConditionArgs {
    /// Show what would change and for whom, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Change only if the workload's last change was at this epoch.
    #[arg(long, value_name = "EPOCH")]
    pub(crate) if_match: Option<u64>,
    /// Repeating a command with the same key changes once.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

impl ConditionArgs {
    /// As the client sends them.
    pub(crate) fn conditions(&self) -> Conditions<'_> {
        Conditions { if_match: self.if_match, idempotency_key: self.idempotency_key.as_deref() }
    }
}

/// A change that is to be sent.
pub(crate) struct Order<'a, B> {
    /// The workload.
    pub(crate) workload: &'a str,
    /// `PUT`, `POST` or `DELETE`.
    pub(crate) method: Method,
    /// Below the workload.
    pub(crate) path: String,
    /// The request's body.
    pub(crate) body: B,
    /// The caller's conditions.
    pub(crate) conditions: &'a ConditionArgs,
}

/// The expected effect of a change, computed from the state.
#[derive(Debug, Default)]
pub(crate) struct Preview {
    /// The changes: name, old value, new value.
    moves: Vec<[String; 3]>,
    /// The affected subjects, one line each.
    who: Vec<String>,
    /// The reasons for which the server would refuse it.
    refused: Vec<String>,
}

impl Preview {
    /// `what` goes from one value to another.
    pub(crate) fn moves(&mut self, what: &str, from: impl Into<String>, to: impl Into<String>) {
        let (from, to) = (from.into(), to.into());
        if from != to {
            self.moves.push([what.to_owned(), from, to]);
        }
    }

    /// Adds a line about an affected subject.
    pub(crate) fn who(&mut self, line: impl Into<String>) {
        self.who.push(line.into());
    }

    /// The server would refuse it.
    pub(crate) fn refused(&mut self, why: impl Into<String>) {
        self.refused.push(why.into());
    }
}

impl<B: Serialize> Order<'_, B> {
    /// Sends the change and prints its result; with `--dry-run` prints the preview for the
    /// workload's current state.
    pub(crate) fn run(
        self,
        client: &AdminClient,
        format: Format,
        preview: impl FnOnce(&WorkloadDetail, &mut Preview) -> Result<(), Failure>,
    ) -> Result<ExitCode, Failure> {
        if self.conditions.dry_run {
            return self.try_dry(client, format, preview);
        }
        let path = workload_path(self.workload, &self.path);
        let conditions = self.conditions.conditions();
        show_changed(format, &client.send(&self.method, &path, &self.body, conditions)?)
    }

    /// Prints what the change would do.
    pub(crate) fn try_dry(
        self,
        client: &AdminClient,
        format: Format,
        preview: impl FnOnce(&WorkloadDetail, &mut Preview) -> Result<(), Failure>,
    ) -> Result<ExitCode, Failure> {
        let now: WorkloadDetail = typed(&client.get(&workload_path(self.workload, ""))?)?;
        let mut seen = Preview::default();
        preview(&now, &mut seen)?;
        if let Some(epoch) = self.conditions.if_match.filter(|epoch| *epoch != now.epoch) {
            seen.refused(format!("the workload is at epoch {}, not {epoch}", now.epoch));
        }
        let path = workload_path(self.workload, &self.path);
        let moves: Vec<Value> = seen
            .moves
            .iter()
            .map(|[what, from, to]| json!({ "what": what, "from": from, "to": to }))
            .collect();
        let answer = json!({
            "dry_run": true, "workload": now.name, "epoch": now.epoch,
            "request": { "method": self.method.as_str(), "path": path, "body": self.body },
            "changes": moves, "who": seen.who, "refused_because": seen.refused,
        });
        output::show(format, &answer, || {
            let mut text =
                format!("{} at epoch {}, dry run: nothing was sent\n", now.name, now.epoch);
            for [what, from, to] in &seen.moves {
                let _ = writeln!(text, "  {what}: {} -> {}", one_line(from), one_line(to));
            }
            if seen.moves.is_empty() && seen.refused.is_empty() {
                text.push_str("  nothing would change: the workload is already in this state\n");
            }
            text.extend(seen.who.iter().map(|line| format!("  {}\n", one_line(line))));
            for why in &seen.refused {
                let _ = writeln!(text, "  ! the server would refuse it: {}", one_line(why));
            }
            text
        });
        Ok(if seen.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Returns the current destination of a subject, as `v43 (candidate): …`.
pub(crate) fn goes_to(
    client: &AdminClient,
    workload: &str,
    kind: &str,
    id: &str,
) -> Result<String, Failure> {
    let body = json!({ "workload": workload, kind: id });
    let answer = client.send(&Method::POST, "/v1/explain", &body, Conditions::default())?;
    let said: stagegate_api::Explanation = typed(&answer)?;
    let release = said.release.as_deref().unwrap_or("a fixed answer");
    Ok(format!("{release} ({}): {}", said.target, said.words))
}

/// The path of a subject below a workload.
pub(crate) fn below(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |path, part| path + "/" + &segment(part))
}

/// Prints what a change did.
pub(crate) fn show_changed(format: Format, answer: &Value) -> Result<ExitCode, Failure> {
    let changed: Changed = typed(answer)?;
    output::show(format, answer, || changed_text(&changed));
    Ok(whole_fleet(changed.fleet.as_ref()))
}

/// A change that may not hold on every replica is not done.
pub(crate) fn whole_fleet(fleet: Option<&FleetOutcome>) -> ExitCode {
    match fleet {
        Some(fleet) if !fleet.complete => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

pub(crate) fn changed_text(changed: &Changed) -> String {
    let workload = &changed.workload;
    let mut text = if changed.changed {
        format!("{}: {}\n", workload.name, one_line(&changed.summary))
    } else {
        format!("{}: no change, the workload is already in this state\n", workload.name)
    };
    let (epoch, actor) = (changed.epoch, one_line(&changed.actor));
    let _ = if changed.recorded {
        writeln!(text, "epoch {epoch}, audit record {}, by {actor}", changed.audit_seq)
    } else {
        writeln!(
            text,
            "epoch {epoch}, by {actor}\n! not recorded yet: the state store does not answer; the \
             change is in force, and it is recorded as soon as the store answers"
        )
    };
    if let Some(timing) = &changed.rollback {
        let followed = format!("{} of {} workers", timing.acknowledged_workers, timing.workers);
        let last = if timing.last_candidate_request_ms > 0.0 {
            let last = millis(timing.last_candidate_request_ms);
            format!("the last new candidate request left {last} after the commit")
        } else {
            "no new candidate request left after the commit".to_owned()
        };
        let _ = if timing.settled {
            writeln!(text, "{followed} followed within {}; {last}", millis(timing.acknowledged_ms))
        } else {
            writeln!(
                text,
                "! only {followed} followed so far: the change is in force, but a stuck worker may \
                 still send requests to the candidate"
            )
        };
    }
    if let Some(fleet) = &changed.fleet {
        text.push_str(&outcome_text(fleet));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::changed_text;
    use crate::canned;
    use serde_json::json;
    use stagegate_api::Changed;

    fn changed(rollback: &serde_json::Value) -> serde_json::Value {
        json!({
            "command": "rollback", "changed": true, "summary": "v2 rolled back", "epoch": 5,
            "audit_seq": 9, "actor": "deployer", "reason": "slower",
            "workload": canned::workload("10%"), "rollback": rollback,
        })
    }

    #[test]
    fn a_change_without_a_record_says_so() {
        let mut answer = changed(&json!(null));
        answer["recorded"] = json!(false);
        let answer: Changed = serde_json::from_value(answer).expect("the API's own shape");
        let text = changed_text(&answer);
        assert!(text.contains("! not recorded yet") && !text.contains("audit record"), "{text}");
    }

    #[test]
    fn a_rollback_tells_how_fast_it_was_and_warns_when_a_worker_hangs() {
        let timing = |settled: bool, workers: u32| {
            let answer = changed(&json!({
                "last_candidate_request_ms": 0.41, "acknowledged_ms": 1.2,
                "acknowledged_workers": workers, "workers": 4, "settled": settled,
            }));
            changed_text(&serde_json::from_value::<Changed>(answer).expect("the API's own shape"))
        };
        let text = timing(true, 4);
        assert!(text.contains("4 of 4 workers followed within 1.2 ms"), "{text}");
        assert!(text.contains("0.41 ms after the commit"), "{text}");
        assert!(timing(false, 3).contains("! only 3 of 4 workers"));
    }
}
