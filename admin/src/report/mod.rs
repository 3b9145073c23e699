//! Deploy reports over a rollout's first hour, day or three days, written from records alone. Pure:
//! the caller reads the records and passes the time.

mod handoff;
mod html;
mod markdown;
mod pictures;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use handoff::{handoff_html, handoff_markdown};
pub(crate) use html::html;
pub(crate) use markdown::markdown;
pub(crate) use stagegate_api::words::harmless;

use crate::describe;
use stagegate_api::{
    Artifact, AxisReport, Counted, CountedArm, DeployReport, EvalReportDetail, FailureClass,
    FigureOfArm, FigureReport, RollbackReport, TransitionDetail, Unit,
};
use stagegate_readiness::{Checklist, Standing};
use stagegate_rollout::{
    Analysis, Axis, Compared, ComparedFigure, CostTruth, Estimate, FigureUnit, GateState, Mark,
    Phase, Rollout, Series, Tick, Turn, Weight, figures,
};
use stagegate_timing::moment;

/// A span's name and length in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) ms: u64,
}

/// The records that a report is written from.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    pub(crate) workload: &'a str,
    pub(crate) rollout: &'a Rollout,
    /// Recorded minutes within the span, added up.
    pub(crate) watched: &'a Watched,
    /// The newest analysis within the span.
    pub(crate) last_analysis: Option<&'a Analysis>,
    /// The analysis that the rollback rests on, if it is kept.
    pub(crate) decisive: Option<&'a Analysis>,
    /// The checklist as it was at the start.
    pub(crate) checklist: Option<Checklist>,
    /// The newest offline comparison before the start.
    pub(crate) offline: Option<EvalReportDetail>,
    pub(crate) candidate_made_of: Artifact,
    pub(crate) stable_made_of: Artifact,
    pub(crate) span: Option<Span>,
    pub(crate) now_ms: u64,
}

/// Recorded minutes, added up one by one: three days of them need no memory.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    windows: u64,
    observed_ms: u64,
    weights: Vec<Weight>,
    candidate: Series,
    stable: Series,
}

impl Watched {
    /// Adds a recorded window.
    pub(crate) fn add(&mut self, tick: &Tick) {
        self.windows += 1;
        self.observed_ms += tick.observed_ms;
        if self.weights.last() != Some(&tick.weight) {
            self.weights.push(tick.weight);
        }
        self.candidate.merge(&tick.candidate);
        self.stable.merge(&tick.stable);
    }
}

/// Beginning and end of what is reported, in Unix milliseconds, and whether the span is over.
pub(crate) fn bounds(rollout: &Rollout, span: Option<&Span>, now_ms: u64) -> (u64, u64, bool) {
    let from = rollout.started.at_ms;
    let ended = (!rollout.is_active()).then_some(rollout.since.at_ms);
    let wanted = span.map(|span| from.saturating_add(span.ms));
    let until = [Some(now_ms), ended, wanted].into_iter().flatten().min().unwrap_or(now_ms);
    let complete = wanted.map_or(ended.is_some(), |wanted| wanted <= now_ms || ended.is_some());
    (from, until.max(from), complete)
}

/// Writes the report.
pub(crate) fn report(records: Records<'_>) -> DeployReport {
    let Records { rollout, watched, span, now_ms, .. } = &records;
    let (from_ms, until_ms, complete) = bounds(rollout, span.as_ref(), *now_ms);
    let within = |at_ms: u64| at_ms <= until_ms;
    let history = rollout.history.iter().filter(|it| within(it.mark.at_ms));
    let counted = Counted {
        observed_ms: watched.observed_ms,
        candidate: counted(&watched.candidate),
        stable: counted(&watched.stable),
    };
    let axes = axes(&watched.candidate, &watched.stable);
    DeployReport {
        workload: records.workload.to_owned(),
        rollout: describe::rollout::summary(rollout),
        started: describe::rollout::mark(&rollout.started),
        span: span.as_ref().map(|span| span.name.clone()),
        from_ms,
        until_ms,
        complete,
        written_ms: *now_ms,
        not_known: not_known(&records, &counted, until_ms.saturating_sub(from_ms)),
        counted,
        axes,
        failures: failures(watched),
        last_analysis: records.last_analysis.map(describe::rollout::analysis),
        history: history.map(describe::rollout::transition).collect(),
        rollback: rollback(rollout, records.decisive, until_ms),
        waived: waived(&records, until_ms),
        offline: records.offline,
        candidate_made_of: records.candidate_made_of,
        stable_made_of: records.stable_made_of,
    }
}

/// Most classes of failures that are listed.
const CLASSES: usize = 20;

/// Failures by class, the most frequent first.
fn failures(watched: &Watched) -> Vec<FailureClass> {
    let (candidate, stable) = (&watched.candidate.failures, &watched.stable.failures);
    let mut both = candidate.clone();
    both.merge(stable);
    let mut classes: Vec<FailureClass> = both
        .iter()
        .map(|(class, _)| FailureClass {
            class: class.to_owned(),
            candidate: candidate.of(class),
            stable: stable.of(class),
        })
        .collect();
    classes.sort_by_key(|it| std::cmp::Reverse(it.candidate + it.stable));
    classes.truncate(CLASSES);
    classes
}

/// Everything that was passed over: overridden objections, waived and dropped checks, gates that nothing
/// measures. One line each.
fn waived(records: &Records<'_>, until_ms: u64) -> Vec<String> {
    let rollout = records.rollout;
    let history = rollout.history.iter().filter(|it| it.mark.at_ms <= until_ms);
    let overridden = history.flat_map(|it| {
        let Mark { by, reason, .. } = &it.mark;
        it.against.iter().map(move |line| format!("{line} (overridden by {by}: {reason})"))
    });
    let lines = records.checklist.iter().flat_map(|it| &it.lines);
    let checks = lines.filter(|it| it.standing == Standing::Waived).map(|line| {
        let by = line.by.as_deref().unwrap_or("?");
        format!("check {}: {} (waived by {by}: {})", line.id, line.seen, line.reason)
    });
    let dropped = records.checklist.iter().flat_map(|it| &it.dropped);
    let dropped =
        dropped.map(|it| format!("check {}: dropped by the policy ({})", it.id, it.reason));
    let gates = rollout.waived.iter().map(|gate| format!("gate {gate}: nothing measures it"));
    overridden.chain(checks).chain(dropped).chain(gates).collect()
}

fn counted(series: &Series) -> CountedArm {
    CountedArm {
        requests: series.requests(),
        scored: series.scores.passed + series.scores.failed,
        retries: series.retries,
        usd: series.spent_nanos.iter().map(|nanos| *nanos as f64 / 1e9).sum(),
        cost_unknown: series.costs[CostTruth::Unknown.index()],
    }
}

fn axes(candidate: &Series, stable: &Series) -> Vec<AxisReport> {
    let all = figures(candidate, stable);
    let one = |axis: Axis| {
        let its: Vec<&ComparedFigure> = all.iter().filter(|it| it.axis == axis).collect();
        let says = |compared| its.iter().any(|it| it.compared == compared);
        let order = [Compared::Worse, Compared::Better, Compared::Alike];
        let verdict = order.into_iter().find(|it| says(*it)).unwrap_or(Compared::NoData);
        AxisReport {
            axis: describe::axis(axis),
            verdict: describe::figure_verdict(verdict),
            figures: its.into_iter().map(figure).collect(),
        }
    };
    // What others measured is among the gates; there are no figures of it.
    Axis::OWN.into_iter().map(one).collect()
}

/// The wire form of a figure.
pub(crate) fn figure(figure: &ComparedFigure) -> FigureReport {
    let unit = match figure.unit {
        FigureUnit::Share => Unit::Share,
        FigureUnit::Micros => Unit::Us,
        FigureUnit::Usd => Unit::Usd,
    };
    // An estimate without bounds is not shown at all.
    let arm = |estimate: Option<Estimate>| {
        let Estimate { value, low, high, count } = estimate?;
        Some(FigureOfArm { value, low: low?, high: high?, count })
    };
    FigureReport {
        figure: figure.name.clone(),
        unit,
        candidate: arm(figure.candidate),
        stable: arm(figure.stable),
        difference: figure.difference.map(|(low, high)| [low, high]),
        verdict: describe::figure_verdict(figure.compared),
        least: figure.least,
    }
}

fn rollback(
    rollout: &Rollout,
    decisive: Option<&Analysis>,
    until_ms: u64,
) -> Option<RollbackReport> {
    let out = |turn| matches!(turn, Turn::RolledBack | Turn::Aborted);
    let transition = rollout.history.iter().rev().find(|it| out(it.turn))?;
    if transition.mark.at_ms > until_ms {
        return None;
    }
    let violated = decisive.into_iter().flat_map(|analysis| &analysis.measurements);
    let violated = violated.filter(|it| matches!(it.state, GateState::Violated { .. }));
    Some(RollbackReport {
        mark: describe::rollout::mark(&transition.mark),
        after_ms: transition.mark.at_ms.saturating_sub(rollout.started.at_ms),
        analysis: transition.analysis.as_ref().map(ToString::to_string),
        trigger: decisive.and_then(|it| it.trigger.as_ref()).map(ToString::to_string),
        violated: violated.map(|it| format!("{}: {}", it.gate, it.state)).collect(),
    })
}

/// Lists missing facts and reservations, one line each.
fn not_known(records: &Records<'_>, counted: &Counted, length_ms: u64) -> Vec<String> {
    let Records { rollout, watched, .. } = records;
    let mut lines = Vec::new();
    if watched.windows == 0 {
        lines.push(
            "Nothing was recorded in this span: minutes are kept for 30 days, from the first whole one of a rollout on.".to_owned(),
        );
    } else if watched.observed_ms + 120_000 < length_ms {
        lines.push(format!(
            "Traffic was watched for {} of {}: no process, a kill switch, or minutes that are not kept any more. What passed otherwise is not counted.",
            words::span(watched.observed_ms),
            words::span(length_ms)
        ));
    }
    if watched.weights.len() > 1 {
        let weights: Vec<String> = watched.weights.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "The weight was {}: over the whole span the arms did not have the same hours in the same shares. The gates compare within a step.",
            words::listed(&weights)
        ));
    }
    // With a holdback it is a little less.
    if watched.weights.iter().any(|weight| *weight >= Weight::percent(95)) {
        lines.push("At 100% nobody or hardly anybody is on stable: most of its figures are of the time before.".to_owned());
    }
    if counted.candidate.scored == 0 {
        lines.push(
            "No answer of the candidate was scored: nothing is known of its quality.".to_owned(),
        );
    }
    let arms = [("candidate", &counted.candidate), ("stable", &counted.stable)];
    for (arm, counts) in arms {
        if counts.cost_unknown > 0 {
            lines.push(format!(
                "{} responses of {arm} have no known cost; the spend is at least what is shown.",
                words::grouped(counts.cost_unknown)
            ));
        }
    }
    if records.offline.is_none() {
        lines.push(
            "No offline eval report was attached to the candidate before the start.".to_owned(),
        );
    }
    if rollout.phase == Phase::RolledBack && records.decisive.is_none() {
        let why = if rollout.since.by == Rollout::ITSELF {
            "The analysis that the rollback rests on is not kept."
        } else {
            "The rollback rests on no analysis: a person decided."
        };
        lines.push(why.to_owned());
    }
    if rollout.history.len() >= Rollout::LONGEST_HISTORY {
        lines.push("The history is longer than what is kept with the rollout; the audit log has all of it.".to_owned());
    }
    lines
}

/// The report's heading.
fn title(report: &DeployReport) -> String {
    let span = match &report.span {
        Some(span) => format!("the first {span}"),
        None => "the whole rollout".to_owned(),
    };
    let so_far = if report.complete { "" } else { " so far" };
    let rollout = &report.rollout;
    format!("{}: {} to {}, {span}{so_far}", report.workload, rollout.from, rollout.to)
}

/// The facts at the top of the report.
fn facts(report: &DeployReport) -> Vec<(&'static str, String)> {
    let DeployReport { rollout, counted, started, .. } = report;
    let made_of = |artifact: &Artifact| {
        let Artifact { model, prompt, tools, git_tag, digest, .. } = artifact;
        let pins = [("model", model), ("prompt", prompt), ("tools", tools), ("git", git_tag)];
        let pins = pins.into_iter().chain([("digest", digest)]);
        let pins: Vec<String> =
            pins.filter_map(|(key, pin)| Some(format!("{key} {}", pin.as_ref()?))).collect();
        if pins.is_empty() {
            "no `artifact` in the configuration".to_owned()
        } else {
            pins.join(", ")
        }
    };
    let arm = |counts: &CountedArm| {
        format!(
            "{} requests, {} scored, {} sent again, ${:.2} known spend",
            words::grouped(counts.requests),
            words::grouped(counts.scored),
            words::grouped(counts.retries),
            counts.usd
        )
    };
    let offline = match &report.offline {
        None => "none attached".to_owned(),
        Some(it) => format!(
            "{}: {} of {} cases passed before, {} pass now; attached {} by {}",
            it.verdict,
            it.comparison.baseline.passed,
            it.comparison.cases,
            it.comparison.candidate.passed,
            moment(it.at_ms),
            it.by
        ),
    };
    let phase = format!(
        "{} at step {} of {}, since {}, by {}",
        rollout.phase.replace('_', " "),
        rollout.step,
        rollout.steps,
        moment(rollout.since.at_ms),
        rollout.since.by
    );
    let started = format!("{}, by {}", moment(started.at_ms), started.by);
    vec![
        ("Rollout", format!("{}, policy {}", rollout.id, rollout.policy)),
        ("Ticket", rollout.ticket.clone().unwrap_or_else(|| "none".to_owned())),
        ("Started", started),
        ("Reported", format!("{} to {}", moment(report.from_ms), moment(report.until_ms))),
        ("Traffic watched", words::span(counted.observed_ms)),
        ("State when written", phase),
        ("Candidate", format!("{}: {}", rollout.to, made_of(&report.candidate_made_of))),
        ("Stable", format!("{}: {}", rollout.from, made_of(&report.stable_made_of))),
        ("Counted, candidate", arm(&counted.candidate)),
        ("Counted, stable", arm(&counted.stable)),
        ("Offline eval", offline),
    ]
}

fn axis_name(axis: &str) -> &'static str {
    match axis {
        "eval" => "Eval",
        "latency" => "Latency",
        "cost" => "Cost",
        "external" => "External",
        _ => "Errors",
    }
}

/// The reason for a transition, and the overridden objections.
fn why(transition: &TransitionDetail) -> String {
    let against = transition.against.iter().map(|line| format!("against: {line}"));
    let reason = Some(transition.mark.reason.clone()).filter(|reason| !reason.is_empty());
    reason.into_iter().chain(against).collect::<Vec<_>>().join("; ")
}
