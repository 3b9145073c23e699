//! Pure: what is the matter with a workload, and what to do, in one sentence.

use stagegate_api::words::{counted, span};
use stagegate_api::{
    AnalysisDetail, GateStatus, Phase, Probe, RolloutDetail, Verdict, WorkloadStatus,
};
use stagegate_timing::moment;

/// How much a sentence matters; the worst one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// Somebody must act, or something was taken out.
    Bad,
    /// It waits for a person or for evidence that cannot be believed.
    Warn,
    /// A person may go on.
    Good,
    /// Nothing to do.
    Calm,
}

impl Tone {
    /// The name of its style.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
            Self::Calm => "calm",
        }
    }
}

/// A verb and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) tone: Tone,
    /// What to do, or what was done.
    pub(crate) verb: &'static str,
    pub(crate) text: String,
}

fn say(tone: Tone, verb: &'static str, text: impl Into<String>) -> Sentence {
    Sentence { tone, verb, text: text.into() }
}

/// The sentence of a workload. `rollout` is its rollout in full, where the page has it.
pub(crate) fn sentence(workload: &WorkloadStatus, rollout: Option<&RolloutDetail>) -> Sentence {
    if let Some(killed) = &workload.killed {
        let text = format!("since {} by {}: {}", moment(killed.at_ms), killed.by, killed.reason);
        return say(Tone::Bad, "Killed", text);
    }
    let arms = std::iter::once(&workload.stable).chain(&workload.candidate);
    let down = arms.flat_map(|arm| {
        let down = arm.endpoints.iter().filter(|it| it.health == Probe::Unhealthy);
        down.map(|it| format!("{} of {} does not answer its health check", it.address, arm.release))
    });
    let down: Vec<String> = down.collect();
    if let Some(first) = down.first().filter(|_| workload.closed.is_none()) {
        let more = match down.len() {
            1 => String::new(),
            all => format!(", and {} more", all - 1),
        };
        return say(Tone::Bad, "Look", format!("{first}{more}"));
    }
    if let Some(closed) = &workload.closed {
        let text = format!(
            "from {} at {} by {}: {}",
            closed.weight_before,
            moment(closed.at_ms),
            closed.by,
            closed.reason
        );
        return say(Tone::Bad, "Rolled back", text);
    }
    match workload.rollout.as_ref().filter(|it| it.active) {
        Some(summary) if summary.aa => say(
            Tone::Calm,
            "Wait",
            format!(
                "{} is compared with itself: it ends by itself and says if the measuring is honest",
                summary.to
            ),
        ),
        Some(summary) => {
            let analysis = rollout.and_then(|it| it.analysis.as_ref());
            let verdict = analysis.map(|it| it.verdict).or(summary.verdict);
            of_rollout(summary.phase, verdict, analysis, &workload.rollout_waits)
        }
        None if workload.candidate.is_none() => {
            say(Tone::Calm, "Calm", "no candidate: everybody is on stable")
        }
        None if workload.weight_ratio > 0.0 => {
            let text = format!(
                "{} by hand, without gates: nothing rolls it back by itself",
                workload.weight
            );
            say(Tone::Warn, "Watch", text)
        }
        None => say(Tone::Calm, "Calm", "the candidate gets no traffic by weight"),
    }
}

fn of_rollout(
    phase: Phase,
    verdict: Option<Verdict>,
    analysis: Option<&AnalysisDetail>,
    waits: &[String],
) -> Sentence {
    let first = || match waits {
        [] => "the next analysis".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first}, and {}", counted(rest.len() as u64, "more thing")),
    };
    match (phase, verdict) {
        (_, Some(Verdict::Fail)) => {
            let gate =
                analysis.and_then(|it| it.gates.iter().find(|it| it.state == GateStatus::Violated));
            let text = gate.map_or_else(
                || "a gate is violated".to_owned(),
                |gate| format!("gate {} is violated: {}", gate.gate, gate.words),
            );
            say(Tone::Bad, "Roll back", text)
        }
        (_, Some(Verdict::Error)) => {
            say(Tone::Warn, "Hold", format!("the evidence cannot be believed: {}", first()))
        }
        (Phase::Paused, _) => say(Tone::Warn, "Paused", "gates still roll it back"),
        (Phase::Watching, Some(Verdict::Pass)) => {
            say(Tone::Good, "Watch", "at 100%, all gates hold")
        }
        (Phase::Watching, _) => {
            say(Tone::Good, "Watch", format!("at 100%; it waits for {}", first()))
        }
        (_, Some(Verdict::Pass)) => {
            let gates = analysis.map_or(0, |it| it.gates.len() as u64);
            let text = if gates == 0 {
                "all gates hold".to_owned()
            } else {
                format!("all {} hold", counted(gates, "gate"))
            };
            say(Tone::Good, "Promote", text)
        }
        _ => {
            let left = analysis
                .map(|it| it.needed_ms.saturating_sub(it.observed_ms))
                .filter(|it| *it >= 1000);
            let time =
                left.map_or_else(String::new, |ms| format!(" (at least {} of watching)", span(ms)));
            say(Tone::Calm, "Hold", format!("it waits for {}{time}", first()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sentence, Tone, sentence};
    use serde_json::{Value, json};

    fn of(change: impl FnOnce(&mut Value)) -> Sentence {
        let mut value = json!({
            "name": "agent", "epoch": 6, "weight": "10%", "weight_ratio": 0.1, "open": true,
            "sticky": "conversation", "cohorts_enabled": 0, "cohorts_total": 0,
            "stable": { "release": "v42", "windows": [], "endpoints": [] },
            "candidate": { "release": "v43", "windows": [],
                "endpoints": [{ "address": "10.0.1.1:9001", "health": "healthy" }] },
            "rollout": { "id": "agent~v43~2", "from": "v42", "to": "v43", "policy": "default",
                "phase": "progressing", "active": true, "step": 2, "steps": 4,
                "since": { "by": "ann", "reason": "", "at_ms": 0 } },
        });
        change(&mut value);
        sentence(&serde_json::from_value(value).expect("the API's own shape"), None)
    }

    fn said(change: impl FnOnce(&mut Value)) -> (Tone, &'static str) {
        let Sentence { tone, verb, .. } = of(change);
        (tone, verb)
    }

    #[test]
    fn the_worst_comes_first() {
        let mark = json!({ "by": "ann", "reason": "p99", "at_ms": 0, "weight_before": "10%", "finishing": false });
        assert_eq!(said(|it| it["killed"] = mark.clone()), (Tone::Bad, "Killed"));
        assert_eq!(said(|it| it["closed"] = mark.clone()), (Tone::Bad, "Rolled back"));
        let down = |it: &mut Value| it["candidate"]["endpoints"][0]["health"] = json!("unhealthy");
        assert_eq!(said(down), (Tone::Bad, "Look"));
    }

    #[test]
    fn a_verdict_leads_to_its_verb() {
        let with =
            |verdict: &'static str| said(move |it| it["rollout"]["verdict"] = json!(verdict));
        assert_eq!(with("pass"), (Tone::Good, "Promote"));
        assert_eq!(with("fail"), (Tone::Bad, "Roll back"));
        assert_eq!(with("error"), (Tone::Warn, "Hold"));
        assert_eq!(with("inconclusive"), (Tone::Calm, "Hold"));
        let waits =
            of(|it| it["rollout_waits"] = json!(["20m more to observe", "1000 of 5000 requests"]));
        assert_eq!(waits.text, "it waits for 20m more to observe, and 1 more thing");
    }

    #[test]
    fn a_weight_by_hand_has_no_gates() {
        assert_eq!(said(|it| it["rollout"] = Value::Null), (Tone::Warn, "Watch"));
        let none = |it: &mut Value| {
            it["rollout"] = Value::Null;
            it["candidate"] = Value::Null;
        };
        assert_eq!(said(none), (Tone::Calm, "Calm"));
    }
}
