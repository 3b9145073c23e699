//! A replay: the effects of another policy on recorded counts.
//!
//! The recorded traffic cannot show the effect of a larger weight. So the weights are the recorded
//! ones, and each is judged as the policy's step of that weight. A replay ends where the policy
//! rolls back, because later traffic would have been different.

use super::{Mark, Phase, Rollout, RolloutId, Status};
use crate::{
    Analysis, Axis, Evidence, Gate, Policy, PolicyError, ReleaseName, SpendBook, Surroundings,
    Tick, Trigger, Verdict, Weight, WorkloadName, Zone,
};
use serde::{Deserialize, Serialize};

/// The input of a replay.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// The workload.
    pub workload: &'a WorkloadName,
    /// The stable release of the time.
    pub from: &'a ReleaseName,
    /// The candidate of the time.
    pub to: &'a ReleaseName,
    /// The counts, oldest first; at most one tick a minute.
    pub windows: &'a [Tick],
    /// The daily budget in dollars, where there is one.
    pub daily_budget: Option<f64>,
    /// The time zone of the budget's day.
    pub zone: &'a Zone,
}

/// A recorded minute: its sum, and the ticks that it was judged by, where they were kept. Judged tick by tick by the
/// policy of the time, it gives the very figures of the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordedMinute {
    /// The sum of the minute.
    #[serde(flatten)]
    pub sum: Tick,
    /// The ticks, oldest first. Buckets of keys are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<Tick>,
}

/// Something the policy would have said or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayEvent {
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The policy's step, from 0.
    pub step: usize,
    /// The recorded weight.
    pub weight: Weight,
    /// The verdict from here on.
    pub verdict: Verdict,
    /// Set where the policy would have rolled back.
    pub trigger: Option<Trigger>,
    /// The analysis behind it.
    pub analysis: Analysis,
}

/// The result of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Every step, change of verdict and rollback, oldest first.
    pub events: Vec<ReplayEvent>,
    /// The number of windows that had a candidate with a weight.
    pub windows: usize,
    /// Candidate requests that would have been served by stable, because they came after the
    /// rollback.
    pub spared: u64,
    /// The last analysis, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Analysis>,
}

impl Replay {
    /// The rollback, if there is one: the last event.
    #[must_use]
    pub fn rollback(&self) -> Option<&ReplayEvent> {
        self.events.last().filter(|event| event.trigger.is_some())
    }
}

/// Judges what was recorded by `policy`.
///
/// # Errors
/// Every problem of the policy.
pub fn replay(policy: Policy, recording: &Recording<'_>) -> Result<Replay, Vec<PolicyError>> {
    let policy = policy.check()?;
    let mut replay = Replay::default();
    let mut book = SpendBook::default();
    let mut under_way: Option<(Rollout, Evidence)> = None;
    let mut verdict = None;
    for window in recording.windows {
        let spent =
            window.stable.cost_nanos.sum().saturating_add(window.candidate.cost_nanos.sum());
        book.add(window.at_ms, spent);
        if window.weight == Weight::ZERO {
            continue;
        }
        replay.windows += 1;
        if replay.rollback().is_some() {
            replay.spared += window.candidate.requests();
            continue;
        }
        let (rollout, evidence) = under_way.get_or_insert_with(|| {
            let rollout = rollout_of(&policy, recording, window);
            let evidence = Evidence::begin(&rollout);
            (rollout, evidence)
        });
        let step = step_of(&policy, window.weight);
        if step != rollout.step {
            rollout.step = step;
            rollout.step_since_ms = window.at_ms.saturating_sub(window.observed_ms);
            verdict = None;
        }
        let Recording { daily_budget, zone, .. } = *recording;
        let surroundings = Surroundings { spending: &book, daily_budget, zone };
        let analysis = evidence.observe(rollout, window, &surroundings);
        replay.last = Some(analysis.clone());
        if verdict != Some(analysis.verdict) || analysis.trigger.is_some() {
            verdict = Some(analysis.verdict);
            replay.events.push(ReplayEvent {
                at_ms: window.at_ms,
                step,
                weight: window.weight,
                verdict: analysis.verdict,
                trigger: analysis.trigger.clone(),
                analysis,
            });
        }
    }
    Ok(replay)
}

/// The last step whose weight had been reached.
fn step_of(policy: &Policy, weight: Weight) -> usize {
    (0..policy.steps.len()).rev().find(|step| policy.weight_at(*step) <= weight).unwrap_or(0)
}

fn rollout_of(policy: &Policy, recording: &Recording<'_>, first: &Tick) -> Rollout {
    let at_ms = first.at_ms.saturating_sub(first.observed_ms);
    let external = policy.gates.iter().filter(|gate| gate.axis == Axis::External);
    let mark = Mark { by: Rollout::ITSELF.to_owned(), reason: "replay".to_owned(), at_ms };
    Rollout {
        id: RolloutId::new(recording.workload, recording.to, 0),
        from: recording.from.clone(),
        to: recording.to.clone(),
        policy: policy.clone(),
        step: step_of(policy, first.weight),
        step_since_ms: at_ms,
        phase: Phase::Progressing,
        since: mark.clone(),
        started: mark,
        // Nobody is asked in a replay.
        waived: external.map(Gate::id).collect(),
        status: Status::default(),
        history: Vec::new(),
        against_itself: None,
        ticket: None,
    }
}
