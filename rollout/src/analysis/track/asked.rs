//! What an external gate was told in a step.

use crate::analysis::frame::Frame;
use crate::analysis::tick::Tick;
use crate::analysis::{Estimate, ExternalReading, GateState, Measurement};
use crate::policy::{ExternalValue, Limit, Measure};
use serde::{Deserialize, Serialize};

/// Values in a row that must be beyond the limit before the gate acts: one alone may be a mistake.
const CONFIRMED: u32 = 2;

/// A number of values and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Told {
    count: u64,
    sum: f64,
}

impl Told {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.count += 1;
            self.sum += value;
        }
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    fn estimate(self) -> Option<Estimate> {
        let value = self.mean()?;
        Some(Estimate { value, low: None, high: None, count: self.count })
    }
}

/// The answers of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    newest: ExternalReading,
    candidate: Told,
    stable: Told,
    /// Stable's mean in the step before: what to compare with at 100%.
    former: Option<f64>,
    /// Values in a row that were beyond the limit.
    beyond: u32,
}

impl Asked {
    /// Nothing was told yet. `before` are the answers of the step before.
    pub(super) fn after(before: Option<&Self>) -> Self {
        Self { former: before.and_then(|it| it.stable.mean().or(it.former)), ..Self::default() }
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Takes a new answer in. One that was asked for before the step began says nothing of it.
    pub(super) fn take(&mut self, frame: &Frame<'_>, tick: &Tick) {
        let answer = tick.external.get(&frame.gate.id());
        let answer = answer.filter(|it| it.at_ms >= frame.step_since_ms);
        let Some(answer) = answer.filter(|it| it.at_ms > self.newest.at_ms) else { return };
        self.newest = answer.clone();
        self.candidate.add(answer.candidate);
        self.stable.add(answer.stable);
        match self.compare(frame) {
            Some(true) => self.beyond = self.beyond.saturating_add(1),
            Some(false) => self.beyond = 0,
            None => {}
        }
    }

    /// True while the newest answer has a value and is young enough to stand for the present.
    pub(super) fn is_fresh(&self, frame: &Frame<'_>) -> bool {
        let Some(value) = asked_for(frame) else { return false };
        let age_ms = frame.at_ms.saturating_sub(self.newest.at_ms);
        self.newest.candidate.is_some() && age_ms <= value.fresh_ms()
    }

    /// True if more than one value in a row was beyond the limit.
    pub(super) const fn is_confirmed(&self) -> bool {
        self.beyond >= CONFIRMED
    }

    /// True if the newest value is beyond the limit; none without a fresh one, or without anything to compare
    /// it with.
    pub(super) fn is_beyond(&self, frame: &Frame<'_>) -> Option<bool> {
        if self.is_fresh(frame) { self.compare(frame) } else { None }
    }

    fn compare(&self, frame: &Frame<'_>) -> Option<bool> {
        let value = self.newest.candidate?;
        let bound = self.bound(frame)?;
        let floor = match frame.gate.limit {
            Limit::Max(_) => false,
            Limit::Min(_) => true,
            _ => frame.gate.measure.more_is_better(),
        };
        Some(if floor { value < bound } else { value > bound })
    }

    /// The limit of the newest value.
    fn bound(&self, frame: &Frame<'_>) -> Option<f64> {
        let amount = frame.gate.limit.amount().get();
        let floor = frame.gate.measure.more_is_better();
        let stable = || self.newest.stable.or(self.former);
        match frame.gate.limit {
            Limit::Max(_) | Limit::Min(_) => Some(amount),
            Limit::Margin(_) => stable().map(|it| if floor { it - amount } else { it + amount }),
            // A multiple of what is below zero would turn better and worse around.
            Limit::Ratio(_) => stable()
                .filter(|it| *it >= 0.0)
                .map(|it| if floor { it / amount } else { it * amount }),
            Limit::Baseline(_) => None,
        }
    }

    /// The reason why there is no value.
    pub(super) fn why(&self) -> Option<&str> {
        self.newest.why.as_deref()
    }

    /// Everything there is to show.
    pub(super) fn measurement(
        &self,
        frame: &Frame<'_>,
        state: GateState,
        blocks: Option<String>,
    ) -> Measurement {
        Measurement {
            gate: frame.gate.id(),
            axis: frame.gate.axis,
            state,
            candidate: self.candidate.estimate(),
            stable: self.stable.estimate(),
            lately: self.newest.candidate.filter(|_| self.is_fresh(frame)),
            limit: self.bound(frame),
            ln_evidence: None,
            ln_needed: None,
            p_value: None,
            needed: frame.needed(),
            effect: None,
            slices: Vec::new(),
            blame: Vec::new(),
            note: self.newest.why.clone(),
            blocks,
        }
    }
}

fn asked_for<'a>(frame: &Frame<'a>) -> Option<&'a ExternalValue> {
    match &frame.gate.measure {
        Measure::External(value) => Some(value),
        _ => None,
    }
}
