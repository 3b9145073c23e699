//! What a person on call asks first, beside the sentence: since when, how many were exposed, what a promotion would
//! do, and how to stop it. Pure, and without a click.

use maud::{Markup, html};
use stagegate_api::words::{counted, span};
use stagegate_api::{
    AnalysisDetail, AuditRecord, Phase, Role, RolloutDetail, Verdict, WorkloadStatus,
};
use stagegate_timing::moment;

/// What the answers rest on.
pub(super) struct Facts<'a> {
    pub(super) status: &'a WorkloadStatus,
    /// The rollout in progress, or the last one that ended.
    pub(super) rollout: Option<&'a RolloutDetail>,
    /// The analysis that ended it, if one did.
    pub(super) decisive: Option<&'a AnalysisDetail>,
    /// The newest change.
    pub(super) newest: Option<&'a AuditRecord>,
    pub(super) role: Role,
}

impl<'a> Facts<'a> {
    fn running(&self) -> Option<&'a RolloutDetail> {
        self.rollout.filter(|it| it.summary.active)
    }
}

/// The answers as a list.
pub(super) fn short(facts: &Facts<'_>) -> Markup {
    let rows = [
        ("Since", since(facts)),
        ("Exposed", exposed(facts)),
        ("If you promote", if_promoted(facts)),
        ("To stop it", to_stop(facts)),
    ];
    html! {
        dl.short {
            @for (question, answer) in rows { dt { (question) } dd { (answer) } }
        }
    }
}

fn since(facts: &Facts<'_>) -> String {
    let by = |at_ms: u64, by: &str| format!("{}, by {by}", moment(at_ms));
    if let Some(killed) = &facts.status.killed {
        return by(killed.at_ms, &killed.by);
    }
    if let Some(rollout) = facts.running() {
        let started = by(rollout.started.at_ms, &rollout.started.by);
        let step = moment(rollout.step_since_ms);
        return match rollout.summary.step {
            1 => started,
            number => format!("{step} at step {number}; the rollout began {started}"),
        };
    }
    if let Some(closed) = &facts.status.closed {
        return by(closed.at_ms, &closed.by);
    }
    facts.newest.map_or_else(
        || "nothing was changed yet".to_owned(),
        |it| format!("{}: {}", by(it.at_ms, &it.actor), it.summary),
    )
}

fn exposed(facts: &Facts<'_>) -> String {
    let status = facts.status;
    if let Some(rollout) = facts.running() {
        let (to, weight) = (&rollout.summary.to, &rollout.weight);
        let requests = rollout.analysis.as_ref().map_or(0, |it| it.requests);
        return format!("{} of {to} in this step, at {weight}", counted(requests, "request"));
    }
    if let Some((rollout, analysis)) = facts.rollout.zip(facts.decisive) {
        let (to, step) = (&rollout.summary.to, analysis.step);
        let weight = rollout.plan.get(step.saturating_sub(1) as usize).map(|it| &*it.weight);
        let at = weight.map_or_else(String::new, |it| format!(" ({it})"));
        return format!("{} of {to} in step {step}{at}", counted(analysis.requests, "request"));
    }
    let Some(candidate) = &status.candidate else { return "nobody: no candidate".to_owned() };
    match candidate.windows.last() {
        None => format!("nobody: {} has had no request", candidate.release),
        Some(window) => format!(
            "{} of {} in the last {}",
            counted(window.requests, "request"),
            candidate.release,
            span(u64::from(window.seconds) * 1000)
        ),
    }
}

fn if_promoted(facts: &Facts<'_>) -> String {
    let Some(rollout) = facts.running() else {
        let keeps_out = facts.status.condemned.iter().find(|it| it.let_in.is_none());
        return match keeps_out {
            Some(it) => format!(
                "no rollout is in progress; a new one of {} needs an override, because a gate rolled it back",
                it.release
            ),
            None => "no rollout is in progress".to_owned(),
        };
    };
    let summary = &rollout.summary;
    if summary.aa {
        return "it is never promoted: it ends by itself".to_owned();
    }
    let Some(next) = rollout.plan.get(summary.step as usize) else {
        let watch = rollout.plan.last().map_or(0, |it| it.watch_ms);
        return format!(
            "nothing is left to promote: {} becomes stable by itself after {} of watching",
            summary.to,
            span(watch)
        );
    };
    let then = format!("{} gets {} instead of {}", summary.to, next.weight, rollout.weight);
    let analysis = rollout.analysis.as_ref();
    match analysis.map(|it| (it.verdict, it.blocks.first())) {
        _ if summary.phase == Phase::Paused => format!("{then}; resume it first"),
        Some((Verdict::Pass, _)) => then,
        Some((_, Some(block))) => format!("{then}; not permitted yet: {block}"),
        _ => format!("{then}; not permitted yet"),
    }
}

fn to_stop(facts: &Facts<'_>) -> String {
    let status = facts.status;
    let Some(candidate) = &status.candidate else {
        return "nothing is to be stopped: everybody is on stable".to_owned();
    };
    if !status.open {
        return format!("it is stopped: no new request reaches {}", candidate.release);
    }
    let how = "every new request goes to stable, within milliseconds";
    match facts.role {
        Role::Viewer => format!("somebody with the role operator presses Roll back: {how}"),
        _ => format!("Roll back, the first button: {how}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, exposed, if_promoted, since, to_stop};
    use serde_json::{Value, json};
    use stagegate_api::{AnalysisDetail, Role, RolloutDetail, WorkloadStatus};

    fn status(change: impl FnOnce(&mut Value)) -> WorkloadStatus {
        let mut value = json!({
            "name": "agent", "epoch": 6, "weight": "10%", "weight_ratio": 0.1, "open": true,
            "sticky": "conversation", "cohorts_enabled": 0, "cohorts_total": 0,
            "stable": { "release": "v42", "windows": [], "endpoints": [] },
            "candidate": { "release": "v43", "windows": [], "endpoints": [] },
        });
        change(&mut value);
        serde_json::from_value(value).expect("the API's own shape")
    }

    fn analysis(verdict: &str) -> Value {
        json!({ "id": "a-1", "rollout": "agent~v43~2", "step": 2, "at_ms": 0, "verdict": verdict,
            "observed_ms": 0, "needed_ms": 0, "requests": 1250, "needed_requests": 0, "gates": [],
            "blocks": if verdict == "pass" { json!([]) } else { json!(["750 of 2,000 requests"]) },
            "outage": false, "split": { "candidate": 0, "all": 0, "ln_evidence": 0.0 } })
    }

    fn rollout(step: u32, active: bool, verdict: &str) -> RolloutDetail {
        let mark = json!({ "by": "ann", "reason": "", "at_ms": 0 });
        let plan = ["1%", "10%", "100%"].map(|weight| {
            json!({ "weight": weight, "hold_ms": 0, "requests": 0, "scored": 0, "watch_ms": 3_600_000 })
        });
        let value = json!({
            "epoch": 6, "workload": "agent", "id": "agent~v43~2", "from": "v42", "to": "v43",
            "policy": "default", "phase": if active { "progressing" } else { "rolled_back" },
            "active": active, "step": step, "steps": 3, "since": mark, "weight": "10%",
            "started": mark, "step_since_ms": 60_000, "plan": plan, "waived": [], "history": [],
            "analysis": analysis(verdict),
        });
        serde_json::from_value(value).expect("the API's own shape")
    }

    fn facts<'a>(status: &'a WorkloadStatus, rollout: Option<&'a RolloutDetail>) -> Facts<'a> {
        Facts { status, rollout, decisive: None, newest: None, role: Role::Operator }
    }

    #[test]
    fn a_rollout_in_progress_answers_each_question() {
        let (status, rollout) = (status(|_| ()), rollout(2, true, "pass"));
        let facts = facts(&status, Some(&rollout));
        assert!(since(&facts).contains("at step 2; the rollout began"), "{}", since(&facts));
        assert_eq!(exposed(&facts), "1,250 requests of v43 in this step, at 10%");
        assert_eq!(if_promoted(&facts), "v43 gets 100% instead of 10%");
        assert!(to_stop(&facts).starts_with("Roll back, the first button"));
        let viewer = Facts { role: Role::Viewer, ..facts };
        assert!(to_stop(&viewer).starts_with("somebody with the role operator"));
    }

    #[test]
    fn a_promotion_that_is_not_permitted_says_why() {
        let (status, early) = (status(|_| ()), rollout(1, true, "inconclusive"));
        let said = if_promoted(&facts(&status, Some(&early)));
        assert_eq!(said, "v43 gets 10% instead of 10%; not permitted yet: 750 of 2,000 requests");
        let last = rollout(3, true, "pass");
        let said = if_promoted(&facts(&status, Some(&last)));
        assert!(said.contains("v43 becomes stable by itself after 60m"), "{said}");
    }

    #[test]
    fn a_rollback_answers_each_question() {
        let status = status(|it| {
            it["open"] = json!(false);
            it["closed"] = json!({ "by": "stagegate", "reason": "error axis", "at_ms": 0,
                "weight_before": "10%", "finishing": false });
            it["condemned"] =
                json!([{ "release": "v43", "by": "stagegate", "reason": "x", "at_ms": 0 }]);
        });
        let ended = rollout(2, false, "fail");
        let decisive: AnalysisDetail = serde_json::from_value(analysis("fail")).expect("a shape");
        let facts = Facts { decisive: Some(&decisive), ..facts(&status, Some(&ended)) };
        assert!(since(&facts).ends_with(", by stagegate"), "{}", since(&facts));
        assert_eq!(exposed(&facts), "1,250 requests of v43 in step 2 (10%)");
        assert!(if_promoted(&facts).contains("a new one of v43 needs an override"));
        assert_eq!(to_stop(&facts), "it is stopped: no new request reaches v43");
    }

    #[test]
    fn nobody_is_exposed_without_a_candidate() {
        let status = status(|it| it["candidate"] = Value::Null);
        let facts = facts(&status, None);
        assert_eq!(exposed(&facts), "nobody: no candidate");
        assert!(to_stop(&facts).contains("everybody is on stable"));
        assert_eq!(if_promoted(&facts), "no rollout is in progress");
    }
}
