//! When a gate rolls back.

use super::{SILENT_MS, Track};
use crate::Weight;
use crate::analysis::evident;
use crate::analysis::frame::{Frame, RECENT_MS};
use crate::analysis::ring::{LONGEST_MS, SLOT_MS};
use crate::analysis::test::Kind;
use crate::analysis::trigger::Trigger;
use crate::policy::{ErrorClass, Measure, Then};

/// The chance that noise looks like a failure that goes on.
const AT_THE_MOMENT: f64 = 1e-4;
/// Evidence this many times the needed one triggers at once.
const OVERWHELMING: f64 = 100.0;

impl Track {
    /// The cause of a rollback by this gate, if there is one.
    pub(in crate::analysis) fn trigger(&self, frame: &Frame<'_>) -> Option<Trigger> {
        if frame.gate.then != Then::Rollback || self.waits() || frame.silent {
            return None;
        }
        let violation = self.violation.filter(|_| self.silent_ms <= SILENT_MS)?;
        if violation.within_ms > 0 {
            return None;
        }
        let (gate, axis) = (frame.gate.id(), frame.gate.axis);
        let slice = self.test.broken_tenant(frame.ln_needed(&self.test));
        let slice = slice.map(|tenant| format!("tenant {tenant}"));
        let needed = frame.ln_needed(&self.test) + OVERWHELMING.ln();
        let overwhelms = self.test.ln_value().is_some_and(|ln| ln >= needed);
        if overwhelms && self.may_be_quick(frame, violation.for_ms) {
            return Some(Trigger::Overwhelming { gate, axis, slice });
        }
        let enough = match frame.kind() {
            Kind::External => {
                let enough = frame.since.requests >= frame.gate.requests;
                enough && self.asked.is_confirmed() && self.asked.is_fresh(frame)
            }
            _ => self.step.candidate.n >= frame.gate.requests,
        };
        let for_ms = violation.for_ms;
        let lasting = enough && for_ms >= frame.lasting_ms();
        lasting.then_some(Trigger::Violated { gate, axis, for_ms, slice })
    }

    /// Returns true if overwhelming evidence need not last as long as the gate says. At 100% it shows that the
    /// candidate is worse than stable was in the step before, and an outage behind both does that within a
    /// second. So either the holdback is well at the same time, or the newest window is bad as a whole. What
    /// usually lies behind the release is never quick there.
    fn may_be_quick(&self, frame: &Frame<'_>, for_ms: u64) -> bool {
        if frame.is_watch() && may_be_outside(frame) {
            return false;
        }
        // Where nobody is held back, nobody would ever be asked.
        let asks = self.test.is_watch() && frame.policy.holdback > Weight::ZERO;
        let lasts = for_ms >= frame.recent_ms() && self.is_bad_at_the_moment(frame);
        !asks || lasts || self.holdback_is_well(frame)
    }

    /// Returns true if the newest ten to twenty seconds are beyond the limit: an outage that is over is not.
    fn is_bad_at_the_moment(&self, frame: &Frame<'_>) -> bool {
        let now = self.ring.last(frame.at_ms, SLOT_MS);
        let counted = (now.candidate.bad, now.candidate.n);
        match (frame.kind(), self.former_most) {
            (Kind::Share(limit), _) => evident::above(counted, limit, AT_THE_MOMENT),
            (Kind::Coin(margin), Some(most)) => {
                evident::above(counted, (most + margin).min(1.0), AT_THE_MOMENT)
            }
            _ => self.is_beyond(frame, &now.candidate, self.reference(&now)) == Some(true),
        }
    }

    /// Returns true if the candidate is evidently worse than what is held back, over a window of the last
    /// quarter of an hour. Conditional on what failed, the arms are drawn at random whatever the hour does.
    fn holdback_is_well(&self, frame: &Frame<'_>) -> bool {
        let windows = [SLOT_MS, RECENT_MS, LONGEST_MS];
        windows.into_iter().any(|ms| self.guard.last(frame.at_ms, ms).candidate_is_worse())
    }
}

/// Failures of a class that usually lies behind the release.
const fn may_be_outside(frame: &Frame<'_>) -> bool {
    let Measure::ErrorRate { class } = frame.gate.measure else { return false };
    matches!(class, ErrorClass::Transient | ErrorClass::External)
}
