//! The effects of an analysis without a person: it can roll back, complete a watch and send
//! notices. It never promotes.

use super::order::Done;
use super::transitions::{complete, end};
use super::{Alarm, Mark, Notice, NoticeKind, Phase, Rollout, Turn, aa, holdback};
use crate::analysis::Figure;
use crate::command::change;
use crate::{
    Action, Analysis, Axis, Gate, GateState, Measurement, Severity, Span, Then, Trigger, Verdict,
    WorkloadSpec, WorkloadState,
};

/// Applies an analysis. Returns `None` if nothing follows from it.
pub(super) fn act(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    analysis: &Analysis,
    now_ms: u64,
) -> Option<Done> {
    let rollout = state.judged()?;
    if analysis.rollout != rollout.id || analysis.step != rollout.step {
        return None;
    }
    if rollout.against_itself.is_some() {
        if let Some(done) = aa::act(state, analysis, now_ms) {
            return Some(done);
        }
        let rollout = state.rollout.as_deref_mut()?;
        let done = note(rollout, analysis, now_ms);
        return (!done.entry.summary.is_empty()).then_some(done);
    }
    if let Some(trigger) = &analysis.trigger {
        return roll_back(spec, state, analysis, trigger, now_ms);
    }
    let watched = rollout.phase == Phase::Watching && analysis.verdict == Verdict::Pass;
    if watched && analysis.observed_ms >= analysis.needed_ms {
        let reason = format!("every gate passed over the whole watch ({})", analysis.id);
        let mark = Mark::itself(reason, now_ms);
        let done = Done::of(Action::Complete, &mark, analysis);
        return Some(complete(state, done, &mark, Some(analysis.id.clone()), Vec::new()));
    }
    let asked = holdback::act(state, analysis, now_ms);
    let rollout = state.rollout.as_deref_mut()?;
    let mut done = note(rollout, analysis, now_ms);
    if let Some(asked) = asked {
        let noted = std::mem::replace(&mut done, asked);
        if !noted.entry.summary.is_empty() {
            done.entry.summary = format!("{}; {}", done.entry.summary, noted.entry.summary);
            done.notices.extend(noted.notices);
        }
    }
    (!done.entry.summary.is_empty()).then_some(done)
}

fn roll_back(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    analysis: &Analysis,
    trigger: &Trigger,
    now_ms: u64,
) -> Option<Done> {
    let mark = Mark::itself(format!("{trigger} (analysis {})", analysis.id), now_ms);
    let mut done = Done::of(Action::Rollback, &mark, analysis);
    done.ends_the_candidate = true;
    done.entry.summary = change::condemn(spec, state, &mark).ok()?;
    end(state, &mut done, Phase::RolledBack, Turn::RolledBack, &mark);
    let rollout = state.rollout.as_deref_mut()?;
    if let Some(transition) = rollout.history.last_mut() {
        transition.analysis = Some(analysis.id.clone());
    }
    if let Some(notice) = done.notices.first_mut() {
        notice.axis = Some(trigger.axis());
        notice.gate = trigger.gate().cloned();
        notice.analysis = Some(analysis.id.clone());
        let measured = trigger.gate().and_then(|gate| analysis.of(gate));
        if let Some(measured) = measured {
            notice.facts.extend(facts(measured));
        }
        let gate = trigger.gate().and_then(|id| gate_of(rollout, id.as_str()));
        notice.owner = gate.and_then(|gate| gate.owner.clone());
        notice.severity = gate.map_or(Severity::Critical, |gate| gate.severity);
    }
    Some(done)
}

fn gate_of<'a>(rollout: &'a Rollout, id: &str) -> Option<&'a Gate> {
    rollout.policy.gates.iter().find(|gate| gate.id().as_str() == id)
}

/// Records the changes since the last recorded analysis.
fn note(rollout: &mut Rollout, analysis: &Analysis, now_ms: u64) -> Done {
    let mark = Mark::itself(String::new(), now_ms);
    let mut done = Done::of(Action::Analysis, &mark, analysis);
    let mut changes = Vec::new();
    if rollout.status.verdict != Some(analysis.verdict) {
        let before = rollout.status.verdict.replace(analysis.verdict);
        let title = match before {
            Some(before) => format!("verdict {before} -> {}", analysis.verdict),
            None => format!("verdict {}", analysis.verdict),
        };
        changes.push(title.clone());
        rollout.status.analysis = Some(analysis.id.clone());
        // Every step begins as inconclusive, which is not worth a notice.
        if before.is_some() || analysis.verdict != Verdict::Inconclusive {
            done.notices.push(verdict_notice(rollout, analysis, &mark, title));
        }
    }
    if analysis.outage != rollout.status.outage_ms.is_some() {
        let (kind, title) = if analysis.outage {
            let title = "an outage hits both arms alike: gates with limits of their own wait";
            (NoticeKind::ExternalOutage, title)
        } else {
            (NoticeKind::Recovered, "the outage that hit both arms is over")
        };
        rollout.status.outage_ms = analysis.outage.then_some(now_ms);
        changes.push(title.to_owned());
        let mut notice = Notice::of(rollout, kind, "outage", &mark, title.to_owned());
        notice.severity = Severity::Warning;
        notice.analysis = Some(analysis.id.clone());
        done.notices.push(notice);
    }
    if analysis.silent != rollout.status.silent_ms.is_some() {
        let after = Span(rollout.policy.no_data_alert_ms);
        let (kind, title) = if analysis.silent {
            (NoticeKind::NoData, format!("{} has had no traffic for {after}", rollout.to))
        } else {
            (NoticeKind::Recovered, format!("{} has traffic again", rollout.to))
        };
        rollout.status.silent_ms = analysis.silent.then_some(now_ms);
        changes.push(title.clone());
        let mut notice = Notice::of(rollout, kind, "traffic", &mark, title);
        notice.severity = Severity::Warning;
        notice.analysis = Some(analysis.id.clone());
        done.notices.push(notice);
    }
    if let Some((title, notice)) = doubt(rollout, analysis, &mark) {
        changes.push(title);
        done.notices.push(notice);
    }
    for measured in &analysis.measurements {
        if let Some((title, notice)) = alarm(rollout, analysis, measured, &mark) {
            changes.push(title);
            done.notices.push(notice);
        }
        for (title, notice) in bad_parts(rollout, analysis, measured, &mark) {
            changes.push(title);
            done.notices.push(notice);
        }
    }
    done.entry.summary = changes.join("; ");
    done
}

fn verdict_notice(rollout: &Rollout, analysis: &Analysis, mark: &Mark, title: String) -> Notice {
    let mut notice = Notice::of(rollout, NoticeKind::VerdictChanged, "verdict", mark, title);
    notice.severity = match analysis.verdict {
        Verdict::Pass | Verdict::Inconclusive => Severity::Info,
        Verdict::Fail | Verdict::Error => Severity::Warning,
    };
    notice.analysis = Some(analysis.id.clone());
    if analysis.verdict == Verdict::Fail {
        let is_violated = |it: &&Measurement| matches!(it.state, GateState::Violated { .. });
        if let Some(violated) = analysis.measurements.iter().find(is_violated) {
            notice.axis = Some(violated.axis);
            notice.gate = Some(violated.gate.clone());
            notice.owner =
                gate_of(rollout, violated.gate.as_str()).and_then(|gate| gate.owner.clone());
        }
    }
    notice.facts.extend(analysis.blocks.iter().map(|why| ("waits for".to_owned(), why.clone())));
    notice
}

/// Doubt about the scorers that begins or ends with this analysis.
fn doubt(rollout: &mut Rollout, analysis: &Analysis, mark: &Mark) -> Option<(String, Notice)> {
    let now = analysis.doubt.as_ref();
    let kind = now.map(|doubt| doubt.kind);
    if std::mem::replace(&mut rollout.status.doubt, kind) == kind {
        return None;
    }
    let title = now.map_or_else(|| "the judge is believed again".to_owned(), ToString::to_string);
    let kind = if now.is_some() { NoticeKind::JudgeDoubted } else { NoticeKind::Recovered };
    let mut notice = Notice::of(rollout, kind, "judge", mark, title.clone());
    notice.severity = Severity::Warning;
    notice.axis = Some(Axis::Eval);
    notice.analysis = Some(analysis.id.clone());
    let gates = rollout.policy.gates.iter().filter(|gate| gate.axis == Axis::Eval);
    notice.owner = gates.filter_map(|gate| gate.owner.clone()).next();
    Some((title, notice))
}

/// An alarm that begins or ends with this measurement.
fn alarm(
    rollout: &mut Rollout,
    analysis: &Analysis,
    measured: &Measurement,
    mark: &Mark,
) -> Option<(String, Notice)> {
    let place = rollout.policy.gates.iter().position(|gate| gate.id() == measured.gate)?;
    let gate = &rollout.policy.gates[place];
    let lasting = rollout.policy.violated_for_ms(gate, rollout.step);
    let severity = gate.severity;
    let owner = gate.owner.clone();
    let wanted = match measured.state {
        // Without any traffic there is one notice about the traffic, and none per gate.
        GateState::NoData { since_ms }
            if !analysis.silent && !rollout.waived.contains(&measured.gate) =>
        {
            // An external gate has no data from the first missing answer on.
            let lasting =
                analysis.at_ms.saturating_sub(since_ms) >= rollout.policy.no_data_alert_ms;
            // A gate that only alerts needs no notice: it cannot hide a rollback.
            let tells = gate.then == Then::Rollback && lasting;
            tells.then_some((true, severity.min(Severity::Warning)))
        }
        GateState::Violated { for_ms, .. } if gate.then == Then::Alert && for_ms >= lasting => {
            Some((false, severity))
        }
        _ => None,
    };
    let open = rollout.status.alarms.get(&measured.gate).cloned();
    let (kind, title, severity) = match (&open, wanted) {
        (None, Some((no_data, severity))) => {
            let alarm = Alarm { at_ms: mark.at_ms, severity, no_data };
            rollout.status.alarms.insert(measured.gate.clone(), alarm);
            if no_data {
                (NoticeKind::NoData, format!("gate {} has no data", measured.gate), severity)
            } else {
                (NoticeKind::GateAlert, format!("gate {} is violated", measured.gate), severity)
            }
        }
        (Some(alarm), None) if is_over(alarm, measured) => {
            rollout.status.alarms.remove(&measured.gate);
            let title = format!("gate {} has recovered", measured.gate);
            (NoticeKind::Recovered, title, alarm.severity)
        }
        _ => return None,
    };
    let about = format!("gate~{}", measured.gate);
    let mut notice = Notice::of(rollout, kind, &about, mark, title.clone());
    notice.severity = severity;
    notice.axis = Some(measured.axis);
    notice.gate = Some(measured.gate.clone());
    notice.owner = owner;
    notice.analysis = Some(analysis.id.clone());
    notice.facts.extend(facts(measured));
    Some((title, notice))
}

/// Parts of the traffic for which the gate is violated by themselves: each is told once in a rollout.
fn bad_parts(
    rollout: &mut Rollout,
    analysis: &Analysis,
    measured: &Measurement,
    mark: &Mark,
) -> Vec<(String, Notice)> {
    let gate = gate_of(rollout, measured.gate.as_str());
    let owner = gate.and_then(|gate| gate.owner.clone());
    let mut told = Vec::new();
    for part in measured.slices.iter().filter(|part| part.alerts) {
        let about = format!("gate~{}~{}", measured.gate, part.slice);
        if !rollout.status.parts.insert(about.clone()) {
            continue;
        }
        let title = format!("gate {} is violated for {} alone", measured.gate, part.slice);
        let mut notice = Notice::of(rollout, NoticeKind::GateAlert, &about, mark, title.clone());
        notice.severity = Severity::Warning;
        notice.axis = Some(measured.axis);
        notice.gate = Some(measured.gate.clone());
        notice.owner.clone_from(&owner);
        notice.analysis = Some(analysis.id.clone());
        for (arm, (units, failed)) in [("candidate", part.candidate), ("stable", part.stable)] {
            notice.facts.push((arm.to_owned(), format!("{failed} of {units} failed")));
        }
        told.push((title, notice));
    }
    told
}

/// Returns true if the alarm is over. An alarm about a violation is over only if the gate is
/// measured and not violated.
fn is_over(alarm: &Alarm, measured: &Measurement) -> bool {
    match measured.state {
        GateState::NoData { .. } | GateState::NotBelieved { .. } => false,
        GateState::Violated { .. } => alarm.no_data,
        GateState::Ok | GateState::Inconclusive { .. } => true,
    }
}

fn facts(measured: &Measurement) -> Vec<(String, String)> {
    let mut facts = vec![("gate".to_owned(), measured.gate.to_string())];
    for (arm, estimate) in [("candidate", &measured.candidate), ("stable", &measured.stable)] {
        if let Some(estimate) = estimate {
            let value = Figure(estimate.value);
            facts.push((arm.to_owned(), format!("{value} of {}", estimate.count)));
        }
    }
    let numbers = [("lately", measured.lately), ("limit", measured.limit)];
    for (name, number) in numbers {
        if let Some(number) = number {
            facts.push((name.to_owned(), Figure(number).to_string()));
        }
    }
    facts.push(("state".to_owned(), measured.state.to_string()));
    facts
}
