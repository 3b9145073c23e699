//! Tests of `margin`.

use super::{MarginTest, RATIOS, Units, ln_factor};
use crate::alpha::Alpha;
use crate::tally::Tally;

fn binomial(n: u64, p: f64) -> Vec<f64> {
    let mut chances = vec![(1.0 - p).powi(n as i32)];
    for k in 1..=n {
        let before = chances[k as usize - 1];
        chances.push(before * (n - k + 1) as f64 / k as f64 * p / (1.0 - p));
    }
    chances
}

/// Over all outcomes of a tick the factor is at most 1 on average, at the margin and inside it.
#[test]
fn a_tick_is_no_evidence_on_average_up_to_the_margin() {
    let margin = 0.02;
    for (n_c, n_s) in [(5, 50), (20, 20), (40, 8)] {
        for expected in [0.001, 0.01, 0.3] {
            for ratio in RATIOS {
                for (p_s, worse) in [(0.0, 0.02), (0.01, 0.02), (0.01, 0.0), (0.4, 0.02)] {
                    let (of_c, of_s) = (binomial(n_c, p_s + worse), binomial(n_s, p_s));
                    let mut mean = 0.0;
                    for (k_c, chance_c) in of_c.iter().enumerate() {
                        for (k_s, chance_s) in of_s.iter().enumerate() {
                            let c = Units::of(Tally::of(k_c as u64, n_c).expect("counts"));
                            let s = Units::of(Tally::of(k_s as u64, n_s).expect("counts"));
                            mean += chance_c
                                * chance_s
                                * ln_factor(margin, ratio, expected, &c, &s).exp();
                        }
                    }
                    assert!(mean < 1.0 + 1e-6, "{n_c} {n_s} {expected} {ratio} {p_s}: {mean}");
                }
            }
        }
    }
}

#[test]
fn inside_the_margin_nothing_is_shown_however_much_is_counted() {
    let mut test = MarginTest::new(0.005).expect("a margin");
    for _ in 0..5000 {
        // 0.8% against 0.5% of a million and nine millions.
        let candidate = Tally::new(1.6, 200.0).expect("counts");
        test.update_slice(0, candidate, Tally::new(9.0, 1800.0).expect("counts"));
    }
    assert!(!test.rejects(Alpha::ROLLBACK), "{}", test.ln_value());
}

#[test]
fn where_stable_never_fails_a_few_failures_are_enough_at_any_weight() {
    for (candidate, stable) in [(10, 990), (100, 900), (500, 500)] {
        let mut test = MarginTest::new(0.005).expect("a margin");
        let mut counted = 0;
        while !test.rejects(Alpha::ROLLBACK) {
            counted += candidate;
            let failed = Tally::of(candidate / 10, candidate).expect("counts");
            test.update_slice(0, failed, Tally::of(0, stable).expect("counts"));
        }
        assert!(counted <= 500, "{candidate}: {counted}");
    }
}

/// A conversation that fails in part: two turns that fail together or not at all, or one of them.
#[test]
fn parts_are_no_evidence_on_average_up_to_the_margin_either() {
    let (margin, n) = (0.02, 6.0);
    let chances = |p: f64| [1.0 - 1.5 * p, p, p / 2.0];
    for ratio in RATIOS {
        for p_s in [0.0, 0.01, 0.2] {
            let (of_c, of_s) = (chances(p_s + margin), chances(p_s));
            // One unit's factor does not depend on the others: the tick's mean is a power.
            let units = |count: f64| {
                let mut units = Units::default();
                units.add(0.5, count);
                units
            };
            let whole = ln_factor(margin, ratio, 0.01, &units(n), &units(n));
            assert!(whole.is_finite());
            let one = |arm: usize, x: f64| {
                let mut counted = [units(n - 1.0), units(n - 1.0)];
                counted[arm].add(x, 1.0);
                counted[1 - arm].add(0.5, 1.0);
                (ln_factor(margin, ratio, 0.01, &counted[0], &counted[1]) - whole).exp()
            };
            let mean = |arm: usize, of: [f64; 3]| -> f64 {
                let parts = [0.0, 0.5, 1.0];
                parts.iter().zip(of).map(|(x, chance)| chance * one(arm, *x)).sum::<f64>()
            };
            // Both means are relative to the factor of one half: the product of all is the tick's.
            let tick = n * (mean(0, of_c).ln() + mean(1, of_s).ln()) + whole;
            assert!(tick < 1e-9, "{ratio} {p_s}: {tick}");
        }
    }
}

#[test]
fn parts_of_independent_turns_are_stronger_evidence_than_whole_conversations() {
    let (mut parts, mut whole) =
        (MarginTest::for_parts(0.005).expect("a test"), MarginTest::new(0.005).expect("a test"));
    // Of ten conversations of eight turns, eight turns fail here and four there.
    for _ in 0..40 {
        let spread = [(1.0 / 8.0, 8), (0.0, 2)];
        let stable = [(1.0 / 8.0, 40), (0.0, 60)];
        parts.update_parts(spread, stable).expect("parts");
        let first = Tally::of(1, 10).expect("counts");
        whole.update_slice(0, first, Tally::of(5, 100).expect("counts"));
    }
    assert!(parts.ln_value() > 2.0 * whole.ln_value(), "{}", parts.ln_value());
    assert!(parts.update_parts([(1.5, 1)], []).is_err());
}

#[test]
fn it_is_read_back_as_it_was() {
    let mut test = MarginTest::new(0.01).expect("a margin");
    test.update_slice(3, Tally::of(1, 7).expect("counts"), Tally::of(0, 9).expect("counts"));
    let text = serde_json::to_string(&test).expect("text");
    assert_eq!(serde_json::from_str::<MarginTest>(&text).expect("a test"), test);
    assert!(MarginTest::new(0.0).is_err());
}
