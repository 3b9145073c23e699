//! What the holdback says while the last step is watched: does stable fail too?
//!
//! Two explanations of a burst of bad values at 100% are weighed against each other. Either something behind both
//! releases is out, and then stable's values are bad with the candidate's share. Or the release is broken, and
//! then stable's values are as ever. The evidence for the second is the likelihood ratio of the two for what the
//! holdback had, ten seconds by ten seconds, so that it does not matter at which minutes the few conversations of
//! the holdback happened to be under way. If the first is true, its mean is at most 1 (Wald 1945; Ville 1939).

use super::Track;
use super::sums::Guard;
use crate::Weight;
use crate::analysis::counts::Counts;
use crate::analysis::frame::Frame;
use crate::analysis::ring::LONGEST_MS;
use crate::analysis::test::Kind;
use crate::policy::{Measure, Then};

/// The chance that an outage behind both releases is taken for the candidate's own failure, once for each outage.
const MISTAKEN: f64 = 1e-3;

impl Track {
    /// Returns true if stable is asked before a rollback at once: at 100%, where what disturbs both releases does
    /// not cancel out, and where somebody is held back.
    pub(super) fn asks_the_holdback(&self, frame: &Frame<'_>) -> bool {
        self.test.is_watch() && frame.policy.holdback > Weight::ZERO
    }

    /// The share of bad values up to which stable is as ever; none where values are not bad or good.
    pub(super) fn usual_share(&self, frame: &Frame<'_>) -> Option<f64> {
        let former = self.former.as_ref();
        let most = self.former_most.or_else(|| former.and_then(Counts::bad_share));
        match frame.kind() {
            Kind::Share(limit) => Some(most.map_or(limit, |most| limit.max(most))),
            Kind::Coin(margin) => most.map(|most| (most + margin).min(1.0)),
            Kind::Quantile(_) => match &frame.gate.measure {
                Measure::Latency { quantile, .. } => Some(quantile.tail()),
                _ => None,
            },
            Kind::Mean | Kind::Plain | Kind::OfWorkload | Kind::External => None,
        }
    }

    /// Returns true if the holdback shows that the failures are the release's own.
    pub(super) fn blames_the_release(&self, frame: &Frame<'_>, usual: f64) -> bool {
        let slots = self.guard.slots(frame.at_ms, LONGEST_MS);
        ln_of_the_release(slots, usual) >= -MISTAKEN.ln()
    }

    /// Returns true if the evidence would roll back at once, and the holdback has not shown yet whether stable fails
    /// too.
    pub(in crate::analysis) fn is_in_doubt(&self, frame: &Frame<'_>) -> bool {
        if frame.gate.then != Then::Rollback || self.waits() || frame.silent {
            return false;
        }
        let lasts = self.violation.is_some_and(|it| it.within_ms == 0);
        let asks = self.asks_the_holdback(frame) && lasts && self.overwhelms(frame);
        let usual = self.usual_share(frame).filter(|_| asks);
        usual.is_some_and(|usual| !self.blames_the_release(frame, usual))
    }
}

/// Natural logarithm of the evidence that the candidate fails by itself. Slots in which the candidate's share is at
/// most the usual one say nothing.
fn ln_of_the_release<'a>(slots: impl Iterator<Item = &'a Guard>, usual: f64) -> f64 {
    let usual = usual.clamp(1e-6, 1.0 - 1e-6);
    let each = |slot: &Guard| {
        let ((stable_bad, stable), (bad, all)) = (slot.stable, slot.candidate);
        // Of both arms together, as it is if they are alike; never 1.
        let share = (bad + stable_bad) as f64 / (all + stable + 1) as f64;
        if stable == 0 || bad as f64 <= usual * all as f64 || share <= usual {
            return 0.0;
        }
        let good = stable.saturating_sub(stable_bad) as f64;
        good * ((1.0 - usual) / (1.0 - share)).ln() + stable_bad as f64 * (usual / share).ln()
    };
    slots.map(each).sum()
}

#[cfg(test)]
mod tests {
    use super::{Guard, ln_of_the_release};

    fn slot(stable: (u64, u64), candidate: (u64, u64)) -> Guard {
        Guard { stable, candidate }
    }

    #[test]
    fn four_good_answers_beside_nine_failures_of_ten_blame_the_release() {
        let ln = |slots: &[Guard]| ln_of_the_release(slots.iter(), 0.02);
        let well = [slot((0, 1), (90, 100)); 4];
        assert!(ln(&well) > 1000.0_f64.ln(), "{}", ln(&well));
        assert!(ln(&well[..3]) < 1000.0_f64.ln(), "three are not enough");
        // One of five that fails too is what an outage looks like.
        let one = [well.as_slice(), &[slot((1, 1), (90, 100))]].concat();
        assert!(ln(&one) < 1000.0_f64.ln(), "{}", ln(&one));
    }

    #[test]
    fn minutes_in_which_the_candidate_is_well_say_nothing() {
        let calm = [slot((0, 400), (6, 6000)), slot((3, 3), (0, 10))];
        assert!(ln_of_the_release(calm.iter(), 0.02).abs() < 1e-12);
        // All of stable's good values are from before the outage: one sum over both would blame the release.
        let lumpy = [calm.as_slice(), &[slot((0, 0), (950, 1000))]].concat();
        assert!(ln_of_the_release(lumpy.iter(), 0.02).abs() < 1e-12);
    }

    #[test]
    fn the_mean_is_at_most_one_if_stable_fails_alike() {
        // Over all outcomes of 6 values of stable and 20 of the candidate.
        for share in [0.05, 0.1, 0.3, 0.9, 1.0] {
            let chance = |k: u64, n: u64| {
                let ways = (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
                ways * f64::powi(share, k as i32) * f64::powi(1.0 - share, (n - k) as i32)
            };
            let pairs = (0..=6).flat_map(|own| (0..=20).map(move |other| (own, other)));
            let mean: f64 = pairs
                .map(|(own, other)| {
                    let ln = ln_of_the_release([slot((own, 6), (other, 20))].iter(), 0.02);
                    chance(own, 6) * chance(other, 20) * ln.exp()
                })
                .sum();
            assert!(mean <= 1.02, "{share}: {mean}");
        }
    }
}
