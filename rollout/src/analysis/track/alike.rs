//! Costs of both arms among visits that are alike.

use crate::analysis::counts::Counts;
use stagegate_sequential::promotion::Moments;

/// What visits cost on both arms, stable's weighted to the candidate's mix of cached inputs: a
/// stratified mean, with its variance. A slice in which stable has nothing is left out of both.
pub(super) fn alike(candidate: &Counts, stable: &Counts) -> (Moments, Moments) {
    let of = |counts: &Counts| counts.totals.iter().map(|it| it.count()).sum::<f64>();
    if of(candidate) == 0.0 || of(stable) == 0.0 {
        return (candidate.moments, stable.moments);
    }
    let both = candidate.totals.iter().zip(&stable.totals);
    let both = both.filter(|(c, s)| c.count() > 0.0 && s.count() >= 2.0);
    let none = (Moments::default(), Moments::default());
    both.fold(none, |(c, s), (own, other)| (c.plus(*own), s.plus(other.scaled_to(own.count()))))
}
