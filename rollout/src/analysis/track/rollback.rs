//! When a gate rolls back.

use super::{SILENT_MS, Track};
use crate::analysis::frame::Frame;
use crate::analysis::ring::SLOT_MS;
use crate::analysis::test::Kind;
use crate::analysis::trigger::Trigger;
use crate::policy::{ErrorClass, Measure, Then};

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
        if self.overwhelms(frame) && self.may_be_quick(frame, violation.for_ms) {
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

    /// Returns true if the evidence is a hundred times what is needed.
    pub(super) fn overwhelms(&self, frame: &Frame<'_>) -> bool {
        let needed = frame.ln_needed(&self.test) + OVERWHELMING.ln();
        self.test.ln_value().is_some_and(|ln| ln >= needed)
    }

    /// Returns true if overwhelming evidence need not last as long as the gate says. At 100% it shows that the
    /// candidate is worse than stable was in the step before, and an outage behind both does that within a
    /// second. So the holdback must show that stable is well at the same time. What usually lies behind the release
    /// is never quick there.
    fn may_be_quick(&self, frame: &Frame<'_>, for_ms: u64) -> bool {
        if frame.is_watch() && may_be_outside(frame) {
            return false;
        }
        // Where nobody is held back, nobody would ever be asked.
        if !self.asks_the_holdback(frame) {
            return true;
        }
        match self.usual_share(frame) {
            Some(usual) => self.blames_the_release(frame, usual),
            // Means have no bad values that could be compared.
            None => for_ms >= frame.recent_ms() && self.is_bad_at_the_moment(frame),
        }
    }

    /// Returns true if the newest ten to twenty seconds are beyond the limit.
    fn is_bad_at_the_moment(&self, frame: &Frame<'_>) -> bool {
        let now = self.ring.last(frame.at_ms, SLOT_MS);
        self.is_beyond(frame, &now.candidate, self.reference(&now)) == Some(true)
    }
}

/// Failures of a class that usually lies behind the release.
const fn may_be_outside(frame: &Frame<'_>) -> bool {
    let Measure::ErrorRate { class } = frame.gate.measure else { return false };
    matches!(class, ErrorClass::Transient | ErrorClass::External)
}
