//! The shown part of a gate: its state, its figures, and the obstacle to a promotion.

use super::{Bounds, Track, Violation};
use crate::analysis::counts::Counts;
use crate::analysis::frame::Frame;
use crate::analysis::measurement::SliceReading;
use crate::analysis::test::Kind;
use crate::analysis::{Blame, Estimate, GateState, Measurement, Why};
use crate::policy::{Measure, Then};
use stagegate_sequential::promotion::Looks;

/// Evidence from which on it is asked where a difference comes from: 1 of 20.
const WORTH_A_QUESTION: f64 = 3.0;

impl Track {
    fn state(&self, frame: &Frame<'_>) -> GateState {
        let inconclusive = |why| GateState::Inconclusive { why };
        if let Some(doubt) = self.doubted {
            return GateState::NotBelieved { doubt };
        }
        if let Some(why) = self.held {
            return inconclusive(why);
        }
        if frame.kind() == Kind::External {
            return self.state_of_asked(frame);
        }
        if self.silent_ms >= frame.policy.no_data_alert_ms {
            return GateState::NoData { since_ms: self.last_value_ms };
        }
        if let Some(Violation { since_ms, for_ms, .. }) = self.violation {
            return GateState::Violated { since_ms, for_ms };
        }
        let kind = frame.kind();
        let reference = self.reference(&self.step);
        let beyond = if kind == Kind::OfWorkload || kind == Kind::Plain {
            let lately = self.window(frame);
            let stable = self.reference(&lately);
            self.is_beyond(frame, &lately.candidate, stable)
        } else {
            self.is_beyond(frame, &self.step.candidate, reference)
        };
        let values = self.step.candidate.n;
        if kind != Kind::OfWorkload && values < frame.needed() {
            return inconclusive(Why::TooFew);
        }
        let is_tested = !matches!(kind, Kind::Quantile(_) | Kind::Plain | Kind::OfWorkload);
        match beyond {
            None => inconclusive(Why::NothingToCompare),
            Some(true) => inconclusive(Why::NotShown),
            // At 100% there is no larger step to earn: it holds as long as nothing speaks against.
            Some(false) if is_tested && !self.shown && !frame.is_watch() => {
                inconclusive(Why::NotShown)
            }
            Some(false) => GateState::Ok,
        }
    }

    /// The state of an external gate: without a fresh value it has no data, and never holds.
    fn state_of_asked(&self, frame: &Frame<'_>) -> GateState {
        if !self.asked.is_fresh(frame) {
            return GateState::NoData { since_ms: self.last_value_ms };
        }
        if let Some(Violation { since_ms, for_ms, .. }) = self.violation {
            return GateState::Violated { since_ms, for_ms };
        }
        let why = match self.asked.is_beyond(frame) {
            _ if frame.since.requests < frame.needed() => Why::TooFew,
            None => Why::NothingToCompare,
            Some(true) => Why::NotShown,
            Some(false) => return GateState::Ok,
        };
        GateState::Inconclusive { why }
    }

    /// Everything there is to show of the gate.
    pub(in crate::analysis) fn measurement(&self, frame: &Frame<'_>) -> Measurement {
        let gate = frame.gate;
        let state = self.state(frame);
        if frame.kind() == Kind::External {
            let blocks = self.blocks(frame, state, frame.needed());
            return self.asked.measurement(frame, state, blocks);
        }
        let lately = self.window(frame);
        let next_look = self.looks.as_ref().map(Looks::next_at);
        let late = !self.shown && self.step.candidate.n >= frame.needed();
        let needed = next_look.filter(|_| late).unwrap_or_else(|| frame.needed());
        let ln_needed = self.test.ln_value().map(|_| frame.ln_needed(&self.test));
        let lately_value = lately.candidate.estimate(&gate.measure).or(self.of_workload);
        Measurement {
            gate: gate.id(),
            axis: gate.axis,
            state,
            candidate: self.estimate(frame, &self.step.candidate, self.bounds[0]),
            stable: self.estimate(frame, self.reference(&self.step), self.bounds[1]),
            lately: lately_value,
            limit: self.bound(gate, self.reference(&self.step)),
            ln_evidence: self.test.ln_value(),
            ln_needed,
            p_value: self.best_p,
            needed,
            effect: self.measured_effect(),
            slices: self.worst(frame),
            blame: self.blame(),
            note: None,
            blocks: self.blocks(frame, state, needed),
        }
    }

    /// Tenants first, then other parts of the traffic.
    fn worst(&self, frame: &Frame<'_>) -> Vec<SliceReading> {
        let mut worst = self.test.slices();
        worst.extend(self.slices.readings(frame.ln_needed_of_part()));
        worst
    }

    /// What explains most of the difference, once there is one to speak of.
    fn blame(&self) -> Vec<Blame> {
        let is_worse = self.test.ln_value().is_some_and(|ln| ln >= WORTH_A_QUESTION);
        if self.violation.is_none() && !is_worse {
            return Vec::new();
        }
        let stages = self.stages.blame();
        if stages.is_empty() { self.slices.blame(self.test.tenants()) } else { stages }
    }

    fn estimate(
        &self,
        frame: &Frame<'_>,
        counts: &Counts,
        bounds: Option<Bounds>,
    ) -> Option<Estimate> {
        let measure = &frame.gate.measure;
        let value = counts.estimate(measure)?;
        let count = counts.n;
        let mut estimate = Estimate { value, low: None, high: None, count };
        if let Some(bad) = bounds {
            let good_is_high = measure.more_is_better();
            let (low, high) =
                if good_is_high { (1.0 - bad.high, 1.0 - bad.low) } else { (bad.low, bad.high) };
            (estimate.low, estimate.high) = (Some(low), Some(high));
        } else if let Some(error) =
            counts.moments.standard_error().filter(|_| frame.kind() == Kind::Mean)
        {
            estimate.low = Some((value - 2.0 * error).max(0.0));
            estimate.high = Some(value + 2.0 * error);
        }
        Some(estimate)
    }

    /// The obstacle to a promotion, in words.
    fn blocks(&self, frame: &Frame<'_>, state: GateState, needed: u64) -> Option<String> {
        let id = frame.gate.id();
        let may_lack_data = match &frame.gate.measure {
            Measure::External(value) => !value.no_data_blocks,
            _ => frame.gate.then == Then::Alert,
        };
        let optional = frame.waived || may_lack_data;
        let (values, what) = match frame.kind() {
            Kind::External => (frame.since.requests, "requests"),
            _ if frame.gate.scored > 0 => (self.step.candidate.n, "scored responses"),
            _ => (self.step.candidate.n, "values"),
        };
        let said = match state {
            GateState::Ok => return None,
            GateState::Violated { .. } if !frame.waived => format!("{state}"),
            GateState::NotBelieved { .. } if !frame.waived => format!("{state}"),
            _ if optional => return None,
            GateState::Violated { .. } | GateState::NotBelieved { .. } => return None,
            GateState::NoData { .. } => match self.asked.why() {
                Some(why) => format!("there is no data ({why})"),
                None => "there is no data".to_owned(),
            },
            GateState::Inconclusive { why } => match why {
                Why::TooFew => format!("{values} of {needed} {what}"),
                Why::ExternalOutage => "an outage hits both arms alike".to_owned(),
                Why::StableToo => "stable is beyond the limit too".to_owned(),
                Why::NothingToCompare => "there is nothing to compare with".to_owned(),
                Why::NotShown if frame.is_watch() => "beyond its limit, not shown yet".to_owned(),
                Why::NotShown => {
                    format!("not shown to hold at {values} {what}; next look at {needed}")
                }
            },
        };
        Some(format!("{id}: {said}"))
    }
}
