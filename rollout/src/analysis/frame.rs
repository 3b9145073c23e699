//! The input of a gate's judgement at a tick: its policy, its windows and its minimums.

use super::ring::{LONGEST_MS, SLOT_MS};
use super::slices;
use super::test::{Kind, Test};
use crate::DoubtKind;
use crate::policy::{Axis, Gate, Measure, Policy, Quantile};

/// The shortest window in which a gate is said to hold or not, in milliseconds.
const WINDOW_MS: u64 = 300_000;
/// The longest window in which a recovery is looked for, in milliseconds.
pub(super) const RECENT_MS: u64 = 60_000;
/// Fewer values have no mean to speak of.
const LEAST_FOR_A_MEAN: u64 = 30;

/// The time for which caches may be cold, in milliseconds.
const COLD_MS: u64 = 120_000;
/// Requests for which caches may be cold.
const COLD_REQUESTS: u64 = 200;

/// What the candidate has served in this step before the tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// Observed milliseconds with traffic.
    pub(super) ms: u64,
    /// Requests.
    pub(super) requests: u64,
}

/// The input of a gate's judgement.
pub(super) struct Frame<'a> {
    pub(super) policy: &'a Policy,
    /// Position of the gate.
    pub(super) place: usize,
    pub(super) gate: &'a Gate,
    /// Position of the step.
    pub(super) step: usize,
    /// When the step was entered, in Unix milliseconds.
    pub(super) step_since_ms: u64,
    pub(super) at_ms: u64,
    /// Observed time since the tick before.
    pub(super) observed_ms: u64,
    /// An outage hits both arms alike.
    pub(super) outage: bool,
    /// The candidate's traffic has stopped.
    pub(super) silent: bool,
    /// The candidate has only just begun: see [`Frame::is_cold`].
    pub(super) since: Since,
    /// The reason not to believe the scorers.
    pub(super) doubt: Option<DoubtKind>,
    /// True if a new block begins with this tick.
    pub(super) new_block: bool,
    /// True if the gate was waived at the start.
    pub(super) waived: bool,
    /// The value of the spending book, for gates of the whole workload.
    pub(super) of_workload: Option<f64>,
}

impl Frame<'_> {
    pub(super) fn is_watch(&self) -> bool {
        self.step + 1 >= self.policy.steps.len()
    }

    pub(super) fn kind(&self) -> Kind {
        Kind::of(self.gate)
    }

    /// Returns true while caches of the candidate may be cold: what it takes and costs then is no
    /// evidence. That is for two minutes, or a fifteenth of a shorter step, and 200 requests, or twice
    /// what the gate asks for.
    pub(super) fn is_cold(&self) -> bool {
        if !matches!(self.gate.axis, Axis::Latency | Axis::Cost) {
            return false;
        }
        let step = self.policy.steps.get(self.step);
        let length_ms = step.map_or(0, |step| step.hold_ms.max(step.watch_ms));
        let cold_ms = (length_ms / 15).min(COLD_MS);
        let requests = COLD_REQUESTS.min(2 * self.gate.requests);
        self.since.ms < cold_ms || self.since.requests < requests
    }

    /// The time for which it must be violated.
    pub(super) fn lasting_ms(&self) -> u64 {
        self.policy.violated_for_ms(self.gate, self.step)
    }

    pub(super) fn window_ms(&self) -> u64 {
        self.lasting_ms().clamp(WINDOW_MS, LONGEST_MS)
    }

    pub(super) fn recent_ms(&self) -> u64 {
        (self.lasting_ms() / 5).clamp(SLOT_MS, RECENT_MS)
    }

    /// Natural logarithm of what the evidence must reach.
    pub(super) fn ln_needed(&self, test: &Test) -> f64 {
        // All steps of a rollout together have the alpha.
        let alpha = self.policy.alpha_of(self.place) / self.policy.steps.len().max(1) as f64;
        let step = self.policy.steps.get(self.step);
        // A CUSUM bounds how often it cries wolf: once in so many ticks. A watch has one a second.
        let seconds = step.map_or(1.0, |step| (step.watch_ms as f64 / 1000.0).max(1.0));
        let looks = if test.is_watch() { seconds } else { 1.0 };
        (looks / alpha).ln()
    }

    /// The margin beside stable, if the gate has one.
    pub(super) fn margin(&self) -> Option<f64> {
        match self.kind() {
            Kind::Coin(margin) => Some(margin),
            _ => None,
        }
    }

    /// Natural logarithm of what the evidence of one part of the traffic must reach for its owner to be told.
    /// All parts of all gates and steps together have the alpha of a rollback once more.
    pub(super) fn ln_needed_of_part(&self) -> f64 {
        let compares = |gate: &&Gate| gate.limit.is_against_stable();
        let gates = self.policy.gates.iter().filter(compares).count().max(1);
        let parts = gates * slices::MOST * self.policy.steps.len().max(1);
        (parts as f64 / self.policy.rollback_alpha.get()).ln()
    }

    pub(super) fn needed(&self) -> u64 {
        needed(self.policy, self.gate, self.step)
    }

    pub(super) fn least_for_a_look(&self) -> u64 {
        least_for_a_look(self.policy, self.gate)
    }
}

/// The number of values of the candidate a promotion from the step at `step` needs before the first
/// look.
pub(super) fn needed(policy: &Policy, gate: &Gate, step: usize) -> u64 {
    if step + 1 >= policy.steps.len() {
        return gate.requests.max(1);
    }
    if Kind::of(gate) == Kind::External {
        return gate.requests.max(1);
    }
    let scored = policy.scored_for(gate, step);
    let requests = policy.steps.get(step).map_or(0, |step| step.requests);
    let wanted = if scored > 0 { scored } else { gate.requests.max(requests) };
    wanted.max(least_for_a_look(policy, gate)).max(1)
}

/// With fewer values no look could pass, however good the candidate is.
fn least_for_a_look(policy: &Policy, gate: &Gate) -> u64 {
    let rare = match Kind::of(gate) {
        Kind::Share(limit) => limit,
        Kind::Coin(margin) => margin,
        Kind::Plain => match &gate.measure {
            Measure::Latency { quantile, .. } => return quantile.least_values(),
            Measure::TailRatio { .. } => return Quantile::P99.least_values(),
            _ => return LEAST_FOR_A_MEAN,
        },
        Kind::Mean => return LEAST_FOR_A_MEAN,
        Kind::Quantile(_) => return least_for_a_quantile(gate),
        Kind::OfWorkload | Kind::External => return 0,
    };
    let first = 0.9 * policy.promote_alpha.get();
    (first.ln() / (-rare).ln_1p()).ceil() as u64 + 1
}

/// Values of an arm with which a quantile is compared: two in the tail. The comparison is fair with any
/// number; with fewer it says little.
pub(super) fn least_for_a_quantile(gate: &Gate) -> u64 {
    match &gate.measure {
        Measure::Latency { quantile, .. } => (2.0 / quantile.tail()).ceil() as u64,
        _ => 1,
    }
}
