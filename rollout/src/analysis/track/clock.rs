//! How long a gate has been beyond its limit.

use super::alike::alike;
use super::sums::Pair;
use super::{SILENT_MS, Track, Violation};
use crate::analysis::counts::Counts;
use crate::analysis::evident;
use crate::analysis::frame::{Frame, least_for_a_quantile};
use crate::analysis::test::{Kind, LEAST_SHARE};
use crate::policy::{Gate, Limit, Measure};

/// The number of newest values that show a recovery.
const RECENT_VALUES: u64 = 50;
/// The chance that noise looks like a recovery.
const RECOVERY: f64 = 0.01;

/// The result of one look at the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Beyond,
    Within,
    Unknown,
}

impl Track {
    /// The limit of the estimate in the measure's unit.
    pub(super) fn bound(&self, gate: &Gate, stable: &Counts) -> Option<f64> {
        let amount = gate.limit.amount().get();
        match gate.limit {
            Limit::Max(_) | Limit::Min(_) => Some(amount),
            Limit::Margin(_) => {
                let margin = if gate.measure.more_is_better() { -amount } else { amount };
                let most = self.former_most.filter(|_| self.former.is_some());
                let most =
                    most.map(|bad| if gate.measure.more_is_better() { 1.0 - bad } else { bad });
                let estimate = most.or_else(|| stable.estimate(&gate.measure));
                estimate.filter(|_| stable.n >= LEAST_SHARE).map(|stable| stable + margin)
            }
            Limit::Ratio(_) => stable.estimate(&gate.measure).map(|stable| stable * amount),
            Limit::Baseline(_) if gate.measure.is_of_the_workload() => Some(amount),
            Limit::Baseline(_) => self.past.estimate(&gate.measure).map(|past| past * amount),
        }
    }

    /// Returns true if the candidate's counts are beyond the limit; none if they cannot tell.
    pub(super) fn is_beyond(
        &self,
        frame: &Frame<'_>,
        candidate: &Counts,
        stable: &Counts,
    ) -> Option<bool> {
        match frame.kind() {
            Kind::Share(limit) => candidate.bad_share().map(|bad| bad > limit),
            Kind::Coin(margin) => {
                let share = stable.bad_share().filter(|_| stable.n >= LEAST_SHARE)?;
                let stable = self.former_most.unwrap_or(share);
                candidate.bad_share().map(|bad| bad - stable > margin)
            }
            Kind::Quantile(_) => {
                let stable = stable.bad_share().filter(|_| stable.n >= LEAST_SHARE)?;
                let enough = candidate.n >= least_for_a_quantile(frame.gate);
                // Its quantile is beyond only if more than the tail is.
                let tail = match &frame.gate.measure {
                    Measure::Latency { quantile, .. } => quantile.tail(),
                    _ => 0.0,
                };
                candidate.bad_share().filter(|_| enough).map(|bad| bad > stable.max(tail))
            }
            Kind::Mean
                if candidate.totals.len() > 1 && matches!(frame.gate.limit, Limit::Ratio(_)) =>
            {
                let ((candidate, stable), ratio) = (alike(candidate, stable), frame.gate.limit);
                candidate
                    .mean()
                    .zip(stable.mean())
                    .map(|(candidate, stable)| candidate > stable * ratio.amount().get())
            }
            Kind::Mean | Kind::Plain => {
                let bound = self.bound(frame.gate, stable)?;
                candidate.estimate(&frame.gate.measure).map(|estimate| estimate > bound)
            }
            Kind::OfWorkload => {
                let bound = self.bound(frame.gate, stable)?;
                self.of_workload.map(|value| value > bound)
            }
            Kind::External => self.asked.is_beyond(frame),
        }
    }

    pub(super) fn window(&self, frame: &Frame<'_>) -> Pair {
        let (most, recent) = (frame.window_ms(), frame.recent_ms());
        match frame.kind() {
            // Without a test, the estimate must follow the present closely.
            Kind::Plain => self.ring.shortest(frame.at_ms, recent, most, |sum| {
                let enough = frame.least_for_a_look().max(frame.gate.requests);
                sum.candidate.n >= enough
            }),
            _ => self.ring.last(frame.at_ms, most),
        }
    }

    fn look_at_window(&self, frame: &Frame<'_>) -> Now {
        if self.waits() || frame.silent || self.silent_ms > SILENT_MS {
            return Now::Unknown;
        }
        if frame.kind() == Kind::External {
            return match self.asked.is_beyond(frame) {
                None => Now::Unknown,
                Some(true) => Now::Beyond,
                Some(false) => Now::Within,
            };
        }
        // Of all traffic it is a small part, so the window of all says nothing about it.
        if self.test.broken_tenant(frame.ln_needed(&self.test)).is_some() {
            return Now::Beyond;
        }
        let lately = self.window(frame);
        let reference = self.reference(&lately);
        let Some(beyond) = self.is_beyond(frame, &lately.candidate, reference) else {
            return Now::Unknown;
        };
        let shown = self.test.ln_value().is_none_or(|ln| ln >= frame.ln_needed(&self.test));
        if beyond && shown && !self.is_over(frame, &lately) { Now::Beyond } else { Now::Within }
    }

    /// Returns true if the newest values are good again, although the window is bad. A violation
    /// begins only if the newest values are beyond the limit too. After that, only values that are
    /// evidently better end it, so that noise does not stop the clock.
    fn is_over(&self, frame: &Frame<'_>, lately: &Pair) -> bool {
        let (recent, most) = (frame.recent_ms(), frame.window_ms());
        let enough = |sum: &Pair| sum.candidate.n >= RECENT_VALUES;
        let newest = self.ring.shortest(frame.at_ms, recent, most, enough);
        let reference = self.reference(lately);
        if !enough(&newest) || self.is_beyond(frame, &newest.candidate, reference) != Some(false) {
            return false;
        }
        if self.violation.is_none() {
            return true;
        }
        match frame.kind() {
            Kind::Share(_) | Kind::Coin(_) | Kind::Quantile(_) => {
                let share = lately.candidate.bad_share().unwrap_or(0.0);
                evident::below((newest.candidate.bad, newest.candidate.n), share, RECOVERY)
            }
            Kind::Mean => {
                let moments = newest.candidate.moments;
                let bound = self.bound(frame.gate, reference);
                let high = moments.mean().zip(moments.standard_error());
                bound.zip(high).is_some_and(|(bound, (mean, error))| mean + 2.0 * error < bound)
            }
            Kind::Plain | Kind::OfWorkload | Kind::External => true,
        }
    }

    pub(super) fn tick_clock(&mut self, frame: &Frame<'_>) {
        let now = self.look_at_window(frame);
        match (&mut self.violation, now) {
            (_, Now::Unknown) | (None, Now::Within) => {}
            // The clock starts in the first tick that shows the violation.
            (none @ None, Now::Beyond) => {
                *none = Some(Violation { since_ms: frame.at_ms, for_ms: 0, within_ms: 0 });
            }
            (Some(violation), Now::Beyond) => {
                violation.for_ms += frame.observed_ms;
                violation.within_ms = 0;
            }
            // An estimate that moves around its limit does not end the violation: the clock waits.
            (Some(violation), Now::Within) => {
                violation.within_ms += frame.observed_ms;
                if violation.within_ms >= frame.recent_ms() {
                    self.violation = None;
                }
            }
        }
    }
}
