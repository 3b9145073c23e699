//! Helpers that several tests share.

use stagegate_sequential::Tally;

/// So many failures among so many units.
pub(crate) fn tally(failures: u64, total: u64) -> Tally {
    Tally::of(failures, total).expect("counts")
}

/// The probabilities of 0, 1, ... n failures among n units.
pub(crate) fn binomial(n: u64, p: f64) -> Vec<f64> {
    let mut masses = vec![(1.0 - p).powf(n as f64)];
    for k in 1..=n {
        let last = masses[masses.len() - 1];
        masses.push(last * (n - k + 1) as f64 / k as f64 * p / (1.0 - p));
    }
    masses
}
