//! Exact tests: probabilities by dynamic programming over counts, expectations by adding up all
//! outcomes.

mod support;

use stagegate_sequential::{Alpha, Claim, CoinTest, MeanTest, ShareTest, SplitHealth, plan};
use support::{binomial, tally};

fn share(limit: f64) -> ShareTest {
    ShareTest::new(limit, Claim::Above).expect("a limit")
}

/// The probability that a share test of `limit` has rejected by each number of units, looked at
/// after each one, when units fail with probability `actual`.
fn rejected_by(limit: f64, actual: f64, alpha: Alpha, horizon: u64) -> Vec<f64> {
    let rejects = |failures, total| {
        let mut test = share(limit);
        test.update(tally(failures, total));
        test.rejects(alpha)
    };
    let (mut alive, mut rejected, mut all) = (vec![1.0], 0.0, vec![0.0]);
    // The smallest number of failures that rejects: it never falls as units come in.
    let mut boundary = 1;
    for total in 1..=horizon {
        alive.push(0.0);
        for k in (0..alive.len()).rev() {
            let fails = if k > 0 { alive[k - 1] * actual } else { 0.0 };
            alive[k] = alive[k] * (1.0 - actual) + fails;
        }
        while boundary <= total && !rejects(boundary, total) {
            boundary += 1;
        }
        for mass in alive.drain((boundary as usize).min(alive.len())..) {
            rejected += mass;
        }
        all.push(rejected);
    }
    all
}

fn median(rejected: &[f64]) -> u64 {
    rejected.iter().position(|mass| *mass >= 0.5).expect("found within the horizon") as u64
}

#[test]
fn a_good_stream_is_rejected_with_at_most_alpha_however_often_one_looks() {
    for limit in [0.01, 0.05, 0.3] {
        let by = rejected_by(limit, limit, Alpha::ROLLBACK, 5000);
        let ever = by.last().copied().expect("a horizon");
        assert!(ever <= 0.01, "limit {limit}: {ever}");
        assert!(ever > 0.001, "a test that never fires is not one: {ever}");
    }
}

#[test]
fn a_doubled_failure_rate_is_found_within_250_units_at_the_median() {
    let by = rejected_by(0.05, 0.10, Alpha::ROLLBACK, 600);
    assert!(median(&by) <= 250, "{}", median(&by));
}

#[test]
fn the_plan_knows_the_median_and_the_unlucky_tenth() {
    for actual in [0.07, 0.08, 0.1, 0.2] {
        let by = rejected_by(0.05, actual, Alpha::ROLLBACK, 5000);
        let found = |quantile| {
            plan::until_found_against_limit(0.05, actual, Alpha::ROLLBACK, quantile)
                .expect("shares")
                .expect("found") as f64
        };
        let exact = median(&by) as f64;
        assert!((found(0.5) / exact - 1.0).abs() < 0.15, "{actual}: {} {exact}", found(0.5));
        let unlucky = by.iter().position(|mass| *mass >= 0.9).expect("found") as f64;
        assert!((found(0.9) / unlucky - 1.0).abs() < 0.2, "{actual}: {} {unlucky}", found(0.9));
    }
}

/// The mean of the evidence over all ways in which `n` units can come out, with restarts.
fn mean_evidence(claim: Claim, limit: f64, p: f64, n: u32) -> f64 {
    (0..1u32 << n)
        .map(|way| {
            let mut test = ShareTest::new(limit, claim).expect("a limit");
            for unit in 0..n {
                test.update(tally(u64::from(way >> unit & 1), 1));
                if unit % 3 == 2 {
                    test.begin_block();
                }
            }
            let failures = way.count_ones() as i32;
            p.powi(failures) * (1.0 - p).powi(n as i32 - failures) * test.ln_value().exp()
        })
        .sum()
}

#[test]
fn evidence_with_restarts_is_one_on_average_at_the_limit_and_less_inside() {
    for claim in [Claim::Above, Claim::Below] {
        let at = mean_evidence(claim, 0.3, 0.3, 10);
        assert!((at - 1.0).abs() < 1e-12, "{claim:?}: {at}");
    }
    assert!(mean_evidence(Claim::Above, 0.3, 0.2, 10) < 1.0);
    assert!(mean_evidence(Claim::Above, 0.3, 0.4, 10) > 1.0);
    assert!(mean_evidence(Claim::Below, 0.3, 0.4, 10) < 1.0);
    assert!(mean_evidence(Claim::Below, 0.3, 0.2, 10) > 1.0);
}

/// The mean of the evidence of one tick of a coin test over all counts.
fn mean_coin(r0: f64, claim: Claim, rates: (f64, f64), units: (u64, u64)) -> f64 {
    let (candidate, stable) = (binomial(units.0, rates.0), binomial(units.1, rates.1));
    let mut mean = 0.0;
    for (k, mass) in (0..).zip(&candidate) {
        for (s, other) in (0..).zip(&stable) {
            let mut test = CoinTest::new(r0, claim).expect("a ratio");
            test.update(tally(k, units.0), tally(s, units.1));
            mean += mass * other * test.ln_value().exp();
        }
    }
    mean
}

#[test]
fn a_coins_evidence_is_at_most_one_on_average_whatever_the_common_rate() {
    for rate in [0.01, 0.05, 0.3, 0.9] {
        for units in [(5, 50), (30, 30), (40, 5)] {
            for (r0, claim) in [(1.0, Claim::Above), (1.1, Claim::Above), (1.1, Claim::Below)] {
                let mean = mean_coin(r0, claim, (rate * r0, rate), units);
                assert!(mean <= 1.0 + 1e-12, "r0 {r0} {claim:?} rate {rate}: {mean}");
            }
        }
    }
    assert!(mean_coin(1.0, Claim::Above, (0.1, 0.05), (30, 300)) > 1.2);
    assert!(mean_coin(1.0, Claim::Above, (0.03, 0.05), (30, 300)) < 1.0);
}

#[test]
fn a_means_evidence_is_one_on_average_at_its_limit() {
    // Three units that cost 1 with probability 0.9 and 41 otherwise: mean 5.
    let mean_at = |limit: f64| -> f64 {
        binomial(3, 0.1)
            .iter()
            .zip(0..)
            .map(|(mass, dear)| {
                let mut test = MeanTest::new();
                test.update([(1.0, 3 - dear), (41.0, dear)], limit).expect("values");
                mass * test.ln_value().exp()
            })
            .sum()
    };
    assert!((mean_at(5.0) - 1.0).abs() < 1e-12);
    assert!(mean_at(6.0) < 1.0);
    assert!(mean_at(4.0) > 1.0);
}

#[test]
fn a_splits_evidence_is_one_on_average_while_it_follows_the_weight() {
    let mean_at = |actual: f64| -> f64 {
        binomial(40, actual)
            .iter()
            .zip(0..)
            .map(|(mass, on)| {
                let mut health = SplitHealth::new();
                health.update(on.min(20), 20, 0.3).expect("counts");
                health.update(on - on.min(20), 20, 0.3).expect("counts");
                mass * health.ln_value().exp()
            })
            .sum()
    };
    assert!((mean_at(0.3) - 1.0).abs() < 1e-9, "{}", mean_at(0.3));
    assert!(mean_at(0.4) > 1.0);
}

#[test]
fn evidence_by_degrees_is_one_on_average_at_the_limit() {
    // Three units that fail by 0.2 with probability 0.75 and by 0.6 otherwise: mean 0.3.
    let mean_at = |limit: f64| -> f64 {
        binomial(3, 0.25)
            .iter()
            .zip(0..)
            .map(|(mass, worse)| {
                let mut test = share(limit);
                test.update_graded([(0.2, 3 - worse), (0.6, worse)]).expect("degrees");
                mass * test.ln_value().exp()
            })
            .sum()
    };
    assert!((mean_at(0.3) - 1.0).abs() < 1e-12);
    assert!(mean_at(0.35) < 1.0);
    assert!(mean_at(0.25) > 1.0);
}
