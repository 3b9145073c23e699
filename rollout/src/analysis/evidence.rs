//! The evidence of one step of one rollout, and the verdict on it.

use super::counts::{NANOS, blamable};
use super::flow::{Condition, Flow};
use super::frame::{Frame, Since};
use super::spend::SpendBook;
use super::split::SplitCount;
use super::text::Seconds;
use super::tick::Tick;
use super::track::Track;
use super::{Analysis, AnalysisId, Forecast, GateState, Measurement, Trigger, Verdict};
use crate::policy::{Gate, Measure};
use crate::{Doubt, Rollout, RolloutId, Series, Zone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The interval in which the tests start to bet on a change anew, in milliseconds of observed time.
const BLOCK_MS: u64 = 300_000;
/// The longest observed time of one tick, in milliseconds: a longer tick is a gap without
/// observation.
const LONGEST_TICK_MS: u64 = 120_000;

/// Facts around a workload's requests that are not counted with them.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The spending of the workload, and the usual one; the tick's own is in it already.
    pub spending: &'a SpendBook,
    /// The daily budget in dollars, where there is one.
    pub daily_budget: Option<f64>,
    /// The time zone of the budget's day.
    pub zone: &'a Zone,
}

/// Requests and costs of one arm over the step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    requests: u64,
    priced: u64,
    nanos: u64,
}

impl Total {
    fn add(&mut self, series: &Series) {
        self.requests += blamable(series);
        self.priced += series.cost_nanos.count();
        self.nanos = self.nanos.saturating_add(series.cost_nanos.sum());
    }

    fn usd_per_request(self) -> Option<f64> {
        (self.priced > 0).then(|| self.nanos as f64 / NANOS / self.priced as f64)
    }
}

/// Counts, clocks and tests of one step of one rollout.
///
/// It belongs to that step alone: [`Evidence::observe`] starts empty for any other, so that no
/// rollout and no step inherits earlier counts. Written to the store every few seconds. After a
/// crash it continues from there, and the time in between was not observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    rollout: RolloutId,
    step: usize,
    /// Number of the newest analysis.
    serial: u64,
    /// The digest in the newest analysis' id; empty before the first.
    digest: String,
    last_ms: Option<u64>,
    observed_ms: u64,
    /// The part of it since the candidate's last request.
    #[serde(default)]
    unheard_ms: u64,
    block_ms: u64,
    /// Requests that are not compared, by arm.
    #[serde(default)]
    apart: [u64; 2],
    /// Units that were first seen, by arm.
    #[serde(default)]
    units: [u64; 2],
    stable: Total,
    candidate: Total,
    flow: Flow,
    split: SplitCount,
    tracks: Vec<Track>,
}

impl Evidence {
    /// No evidence yet, for the rollout's present step.
    #[must_use]
    pub fn begin(rollout: &Rollout) -> Self {
        Self::after(rollout, None)
    }

    /// No evidence yet. `before` may be that of the step before: then stable's figures in it are
    /// remembered, as what to compare with at 100%, where there is no stable arm beside.
    #[must_use]
    pub fn after(rollout: &Rollout, before: Option<&Self>) -> Self {
        let before = before.filter(|it| it.rollout == rollout.id && it.step + 1 == rollout.step);
        let mut evidence = Self {
            rollout: rollout.id.clone(),
            step: rollout.step,
            serial: 0,
            digest: String::new(),
            last_ms: None,
            observed_ms: 0,
            unheard_ms: 0,
            block_ms: 0,
            apart: [0; 2],
            units: [0; 2],
            stable: Total::default(),
            candidate: Total::default(),
            flow: Flow::default(),
            split: SplitCount::default(),
            tracks: Vec::new(),
        };
        let condition = Condition { outage: false, silent: false, down: None };
        for place in 0..rollout.policy.gates.len() {
            let frame = Moment {
                at_ms: rollout.step_since_ms,
                observed_ms: 0,
                new_block: false,
                condition,
                since: Since::default(),
                doubt: None,
            };
            let Some(frame) = frame.of(rollout, place, None) else { continue };
            let former = before.and_then(|it| it.tracks.iter().find(|it| it.is_of(frame.gate)));
            evidence.tracks.push(Track::begin(&frame, former));
        }
        evidence
    }

    /// Goes on with what the store had, if it is of the rollout's present step.
    #[must_use]
    pub fn resume(stored: Option<Self>, rollout: &Rollout) -> Self {
        match stored {
            Some(evidence) if evidence.belongs_to(rollout) => evidence,
            other => Self::after(rollout, other.as_ref()),
        }
    }

    /// True if this is the evidence of the rollout's present step.
    #[must_use]
    pub fn belongs_to(&self, rollout: &Rollout) -> bool {
        let gates = &rollout.policy.gates;
        self.rollout == rollout.id
            && self.step == rollout.step
            && self.tracks.len() == gates.len()
            && self.tracks.iter().zip(gates).all(|(track, gate)| track.is_of(gate))
    }

    /// The rollout it belongs to.
    #[must_use]
    pub const fn rollout(&self) -> &RolloutId {
        &self.rollout
    }

    /// The step it belongs to, from 0.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Takes in what was counted in the rollout's present step, and judges. Not to be called while
    /// the workload is killed: there is nothing to observe.
    pub fn observe(
        &mut self,
        rollout: &Rollout,
        tick: &Tick,
        surroundings: &Surroundings<'_>,
    ) -> Analysis {
        if !self.belongs_to(rollout) {
            *self = Self::after(rollout, Some(self));
        }
        let elapsed_ms =
            self.last_ms.map_or(tick.observed_ms, |last| tick.at_ms.saturating_sub(last));
        let observed_ms = tick.observed_ms.min(elapsed_ms).min(LONGEST_TICK_MS);
        self.last_ms = Some(tick.at_ms.max(self.last_ms.unwrap_or(0)));
        let length_ms = rollout.current().map_or(0, |step| step.hold_ms.max(step.watch_ms));
        let condition = self.flow.observe(tick, observed_ms, length_ms);
        let since = Since { ms: self.observed_ms, requests: self.candidate.requests };
        self.watch_the_clock(condition, observed_ms);
        self.block_ms += observed_ms;
        let new_block = self.block_ms >= BLOCK_MS;
        if new_block {
            self.block_ms = 0;
        }
        self.apart.iter_mut().zip(tick.apart).for_each(|(sum, count)| *sum += count);
        self.units[0] += tick.stable.units.begun;
        self.units[1] += tick.candidate.units.begun;
        self.stable.add(&tick.stable);
        self.candidate.add(&tick.candidate);
        self.split.observe(tick.weight, &tick.assigned);
        let doubt = tick.doubt.as_ref();
        let at_ms = tick.at_ms;
        let moment = Moment { at_ms, observed_ms, new_block, condition, since, doubt };
        let mut measurements = Vec::new();
        let mut trigger = condition.down.map(|requests| Trigger::CandidateDown { requests });
        let mut in_doubt = None;
        for (place, track) in self.tracks.iter_mut().enumerate() {
            let Some(frame) = moment.of(rollout, place, Some(surroundings)) else { continue };
            track.observe(&frame, tick);
            measurements.push(track.measurement(&frame));
            trigger = trigger.or_else(|| track.trigger(&frame));
            in_doubt = in_doubt.or_else(|| track.is_in_doubt(&frame).then(|| frame.gate.id()));
        }
        let mut analysis = self.conclude(rollout, &moment, measurements, trigger);
        if let Some(gate) = in_doubt.filter(|_| analysis.trigger.is_none()) {
            let why = "the holdback has not shown yet whether stable fails too";
            analysis.blocks.push(format!("{gate}: {why}"));
            analysis.in_doubt = Some(gate);
        }
        analysis
    }

    /// Time without the candidate's traffic, or with an outage, has shown nothing. A pause is known as
    /// such only after a while, so the time since the last request is then taken back.
    fn watch_the_clock(&mut self, condition: Condition, observed_ms: u64) {
        if self.flow.silent_ms == 0 {
            self.unheard_ms = 0;
        }
        if condition.silent {
            self.observed_ms = self.observed_ms.saturating_sub(self.unheard_ms);
            self.unheard_ms = 0;
        } else if !condition.outage {
            self.observed_ms += observed_ms;
            if self.flow.silent_ms > 0 {
                self.unheard_ms += observed_ms;
            }
        }
    }

    fn conclude(
        &mut self,
        rollout: &Rollout,
        moment: &Moment<'_>,
        measurements: Vec<Measurement>,
        trigger: Option<Trigger>,
    ) -> Analysis {
        let step = rollout.current();
        let needed_ms = step.map_or(0, |step| step.hold_ms.max(step.watch_ms));
        let needed_requests = step.map_or(0, |step| step.requests);
        let mut blocks = Vec::new();
        let is_doubted = |it: &Measurement| matches!(it.state, GateState::NotBelieved { .. });
        let doubt = moment.doubt.filter(|_| measurements.iter().any(is_doubted));
        blocks.extend(doubt.map(ToString::to_string));
        if self.split.is_invalid() {
            blocks.push("the split is not the one asked for: no comparison is valid".to_owned());
        }
        if moment.condition.outage {
            blocks.push("an outage hits both arms alike".to_owned());
        }
        if moment.condition.silent {
            let silent = Seconds(self.flow.silent_ms);
            blocks.push(format!("the candidate has had no traffic for {silent}"));
        }
        if self.observed_ms < needed_ms {
            let rest = Seconds(needed_ms - self.observed_ms);
            blocks.push(format!("{rest} more to observe"));
        }
        if self.candidate.requests < needed_requests {
            let requests = self.candidate.requests;
            blocks.push(format!("{requests} of {needed_requests} requests"));
        }
        blocks.extend(measurements.iter().filter_map(|it| it.blocks.clone()));
        let violated = |it: &Measurement| {
            matches!(it.state, GateState::Violated { .. }) && it.blocks.is_some()
        };
        let verdict = if self.split.is_invalid() {
            Verdict::Error
        } else if trigger.is_some() || measurements.iter().any(violated) {
            Verdict::Fail
        } else if doubt.is_some_and(|doubt| doubt.kind.is_error()) {
            Verdict::Error
        } else if blocks.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        let digest = digest(verdict, &measurements, trigger.is_some(), moment.condition.outage);
        if digest != self.digest {
            self.serial += 1;
            self.digest = digest;
        }
        Analysis {
            id: AnalysisId::new(&self.rollout, self.step, self.serial, &self.digest),
            rollout: self.rollout.clone(),
            step: self.step,
            at_ms: moment.at_ms,
            verdict,
            measurements,
            trigger,
            outage: moment.condition.outage,
            doubt: doubt.cloned(),
            silent: self.flow.silent_ms >= rollout.policy.no_data_alert_ms,
            split: self.split.reading(),
            observed_ms: self.observed_ms,
            needed_ms,
            requests: self.candidate.requests,
            apart: self.apart,
            units: self.units,
            needed_requests,
            blocks,
            in_doubt: None,
            forecast: self.forecast(rollout),
        }
    }

    fn forecast(&self, rollout: &Rollout) -> Option<Forecast> {
        let next = self.step + 1;
        let weight = rollout.policy.steps.get(next).map(|_| rollout.policy.weight_at(next))?;
        let seconds = self.observed_ms as f64 / 1000.0;
        let candidate = self.candidate.usd_per_request()?;
        let stable = self.stable.usd_per_request()?;
        let requests = (self.stable.requests + self.candidate.requests) as f64;
        let share_now = self.candidate.requests as f64 / requests;
        let daily = |share: f64| {
            requests / seconds * 86_400.0 * (share * candidate + (1.0 - share) * stable)
        };
        (seconds > 0.0).then(|| Forecast {
            weight,
            usd_per_day: daily(weight.ratio()),
            usd_per_day_now: daily(share_now),
        })
    }
}

/// The common part of all gates' input at a tick.
struct Moment<'t> {
    at_ms: u64,
    observed_ms: u64,
    new_block: bool,
    condition: Condition,
    since: Since,
    doubt: Option<&'t Doubt>,
}

impl Moment<'_> {
    fn of<'a>(
        &self,
        rollout: &'a Rollout,
        place: usize,
        surroundings: Option<&Surroundings<'_>>,
    ) -> Option<Frame<'a>> {
        let gate = rollout.policy.gates.get(place)?;
        Some(Frame {
            policy: &rollout.policy,
            place,
            gate,
            step: rollout.step,
            step_since_ms: rollout.step_since_ms,
            at_ms: self.at_ms,
            observed_ms: self.observed_ms,
            outage: self.condition.outage,
            silent: self.condition.silent,
            since: self.since,
            doubt: self.doubt.filter(|_| rests_on_scorers(gate)).map(|it| it.kind),
            new_block: self.new_block,
            waived: rollout.waived.contains(&gate.id()),
            of_workload: surroundings
                .and_then(|it| it.spending.measure(gate, it.daily_budget, it.zone)),
        })
    }
}

/// True if what scorers say is what it measures. Labels of people are believed whatever a judge does.
const fn rests_on_scorers(gate: &Gate) -> bool {
    matches!(gate.measure, Measure::Accuracy | Measure::Brier | Measure::CalibrationError)
}

/// The states that an analysis' id stands for, in eight hexadecimal digits.
fn digest(verdict: Verdict, measurements: &[Measurement], triggered: bool, outage: bool) -> String {
    let mut hash = Sha256::new();
    hash.update([verdict as u8, u8::from(triggered), u8::from(outage)]);
    for measured in measurements {
        let (state, why) = measured.state.mark();
        hash.update(measured.gate.as_str());
        hash.update([0, state, why]);
    }
    hex::encode(&hash.finalize()[..4])
}
