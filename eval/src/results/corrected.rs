//! Accuracy as people would have judged it, from a judge that errs and from the samples that people judged
//! too.
//!
//! Rogan and Gladen (1978) correct the share that a judge passes by the judge's sensitivity and specificity.
//! People mostly review what the judge failed, so shares among the right and the wrong answers would say
//! more about the choice than about the judge. Begg and Greenes (1983) therefore ask the reverse: of what the
//! judge passed, and of what it failed, how much is right? That does not depend on how many of either were
//! chosen. Sensitivity and specificity follow, and with them Rogan's and Gladen's correction is
//! `p * right(passed) + (1 - p) * right(failed)`.

use super::against_labels::AgainstLabels;
use super::share::Share;
use super::tally::Tally;

/// Fewest samples with a label among what the judge passed, and among what it failed.
const LEAST: u64 = 20;
/// 95% of a normal distribution lie within so many standard errors.
const Z: f64 = 1.959_964;

/// What labels say of a judge, and the accuracy that follows. Bounds hold at one look, with 95%.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// Share of the right answers that the judge passes.
    pub sensitivity: Share,
    /// Share of the wrong answers that it fails.
    pub specificity: Share,
    /// Share of all answers that are right.
    pub accuracy: Share,
}

impl Corrected {
    /// From the sums of an arm; `None` with fewer than 20 labels among what the judge passed, or among
    /// what it failed.
    #[must_use]
    pub fn of(tally: &Tally) -> Option<Self> {
        let AgainstLabels { passed_right, passed_wrong, failed_right, failed_wrong } = tally.judged;
        let (of_passed, of_failed) = (passed_right + passed_wrong, failed_right + failed_wrong);
        if of_passed.min(of_failed) < LEAST || tally.scored() == 0 {
            return None;
        }
        let scored = tally.scored() as f64;
        let passes = Part::of(tally.passed, scored);
        let right_of_passed = Part::of(passed_right, of_passed as f64);
        let right_of_failed = Part::of(failed_right, of_failed as f64);
        Some(Self::from_parts(passes, right_of_passed, right_of_failed))
    }

    fn from_parts(passes: Part, of_passed: Part, of_failed: Part) -> Self {
        let point = |of: fn(&Part) -> f64| (of(&passes), of(&of_passed), of(&of_failed));
        let bounds = |function: &dyn Fn((f64, f64, f64)) -> f64| -> Share {
            let estimate = function(point(|part| part.raw));
            // The delta method, around a centre that is never at an edge.
            let centre = point(|part| part.centre);
            let middle = function(centre);
            let slope = |moved: (f64, f64, f64)| (function(moved) - middle) / STEP;
            let (p, a, b) = centre;
            let slopes =
                [slope((p + STEP, a, b)), slope((p, a + STEP, b)), slope((p, a, b + STEP))];
            let variances = [passes.variance, of_passed.variance, of_failed.variance];
            let variance: f64 = slopes.iter().zip(variances).map(|(d, v)| d * d * v).sum();
            let reach = Z * variance.sqrt();
            let (lower, upper) = ((middle - reach).max(0.0), (middle + reach).min(1.0));
            Share { estimate, lower: lower.min(estimate), upper: upper.max(estimate) }
        };
        let right = |(p, a, b): (f64, f64, f64)| p * a + (1.0 - p) * b;
        let sensitivity = |(p, a, b): (f64, f64, f64)| p * a / right((p, a, b)).max(TINY);
        let specificity =
            |(p, a, b): (f64, f64, f64)| (1.0 - p) * (1.0 - b) / (1.0 - right((p, a, b))).max(TINY);
        Self {
            sensitivity: bounds(&sensitivity),
            specificity: bounds(&specificity),
            accuracy: bounds(&right),
        }
    }
}

/// A step in which a slope is measured.
const STEP: f64 = 1e-6;
const TINY: f64 = 1e-12;

/// A share, and its centre and variance with two successes and two failures added (Agresti and Coull 1998).
#[derive(Clone, Copy)]
struct Part {
    raw: f64,
    centre: f64,
    variance: f64,
}

impl Part {
    fn of(of: u64, all: f64) -> Self {
        let centre = (of as f64 + 2.0) / (all + 4.0);
        Self { raw: of as f64 / all, centre, variance: centre * (1.0 - centre) / (all + 4.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Corrected;
    use crate::results::against_labels::AgainstLabels;
    use crate::results::tally::Tally;

    fn tally(passed: u64, failed: u64, judged: [u64; 4]) -> Tally {
        let [passed_right, passed_wrong, failed_right, failed_wrong] = judged;
        let judged = AgainstLabels { passed_right, passed_wrong, failed_right, failed_wrong };
        Tally { passed, failed, judged, ..Tally::default() }
    }

    #[test]
    fn a_lenient_judge_is_corrected_downwards() {
        // Passes 9 of 10 right answers and 1 of 2 wrong ones, of which there are 1,000 in 5,000.
        let passed = 3600 + 500;
        let found = Corrected::of(&tally(passed, 900, [360, 50, 40, 50])).expect("labels");
        let close = |share: f64, wanted: f64| (share - wanted).abs() < 0.01;
        assert!(close(found.accuracy.estimate, 0.8), "{found:?}");
        assert!(close(found.sensitivity.estimate, 0.9), "{found:?}");
        assert!(close(found.specificity.estimate, 0.5), "{found:?}");
        assert!(found.accuracy.lower < 0.8 && found.accuracy.upper > 0.8, "{found:?}");
        assert!(found.accuracy.upper - found.accuracy.lower < 0.1, "{found:?}");
        // Rogan and Gladen: (p + specificity - 1) / (sensitivity + specificity - 1).
        let (se, sp) = (found.sensitivity.estimate, found.specificity.estimate);
        let corrected = (0.82 + sp - 1.0) / (se + sp - 1.0);
        assert!((corrected - found.accuracy.estimate).abs() < 1e-9, "{corrected} {found:?}");
    }

    #[test]
    fn what_people_choose_to_review_does_not_change_the_result() {
        let few = Corrected::of(&tally(4100, 900, [360, 50, 40, 50])).expect("labels");
        // Ten times as many of the failed ones are reviewed.
        let chosen = Corrected::of(&tally(4100, 900, [360, 50, 400, 500])).expect("labels");
        assert!((few.accuracy.estimate - chosen.accuracy.estimate).abs() < 1e-9);
        assert!((few.sensitivity.estimate - chosen.sensitivity.estimate).abs() < 1e-9);
        assert!(Corrected::of(&tally(4100, 900, [0, 0, 400, 500])).is_none(), "only failed ones");
        assert!(Corrected::of(&tally(0, 0, [30, 30, 30, 30])).is_none(), "nothing was scored");
    }

    /// Numbers from a fixed generator (Marsaglia's xorshift), each from 0 to 1.
    fn draws() -> impl FnMut() -> f64 {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn bounds_hold_in_nineteen_of_twenty_cases() {
        let mut draw = draws();
        for (accuracy, sensitivity, specificity, reviewed) in [
            (0.9, 0.95, 0.8, [0.1, 0.1]),
            (0.95, 0.9, 0.9, [0.05, 0.5]),
            (0.6, 0.8, 0.7, [0.2, 0.2]),
        ] {
            let (mut holds, mut runs) = (0, 0);
            for _ in 0..1000 {
                let mut tally = Tally::default();
                for _ in 0..2000 {
                    let right = draw() < accuracy;
                    let passed = draw() < if right { sensitivity } else { 1.0 - specificity };
                    tally.passed += u64::from(passed);
                    tally.failed += u64::from(!passed);
                    if draw() < reviewed[usize::from(!passed)] {
                        tally.judged.merge(&AgainstLabels::of_one(passed, right));
                    }
                }
                let Some(found) = Corrected::of(&tally) else { continue };
                runs += 1;
                holds +=
                    i32::from((found.accuracy.lower..=found.accuracy.upper).contains(&accuracy));
            }
            assert!(runs > 500, "{runs}");
            let share = f64::from(holds) / f64::from(runs);
            assert!((0.935..=1.0).contains(&share), "{share} at {accuracy}");
        }
    }
}
