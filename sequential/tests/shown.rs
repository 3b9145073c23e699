//! Tests of displayed figures and of promotions: intervals cover, tests keep their size, known
//! values hold.

mod support;

use stagegate_sequential::promotion::{Moments, against_limit, against_stable, mean_ratio};
use stagegate_sequential::{Alpha, Tally, interval, plan};
use std::time::Duration;
use support::{binomial, tally};

fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "got {got}, want {want}");
}

#[test]
fn clopper_and_pearsons_bounds_are_those_of_the_tables() {
    for (failures, total, low, high) in [
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 100, 0.0003, 0.0545),
    ] {
        let shown = interval::at_one_look(tally(failures, total), Alpha::PROMOTION);
        close(shown.low, low, 5e-5);
        close(shown.high, high, 5e-5);
    }
    // The rule of three: none of n.
    close(interval::at_most(tally(0, 1000), Alpha::PROMOTION), 0.002_991, 1e-6);
    assert_eq!(interval::at_least(tally(0, 1000), Alpha::PROMOTION), 0.0);
    assert_eq!(interval::at_most(tally(7, 7), Alpha::PROMOTION), 1.0);
}

#[test]
fn the_difference_of_newcombes_example_has_miettinen_and_nurminens_bounds() {
    // Newcombe 1998, table II, 56/70 against 48/80, method 6.
    let shown = interval::difference(tally(56, 70), tally(48, 80), Alpha::PROMOTION);
    close(shown.low, 0.0528, 5e-5);
    close(shown.high, 0.3382, 5e-5);
}

#[test]
fn one_look_covers_at_least_as_often_as_said() {
    for p in [0.01, 0.05, 0.2, 0.5, 0.9] {
        let covered: f64 = (0..)
            .zip(binomial(60, p))
            .filter(|(k, _)| interval::at_one_look(tally(*k, 60), Alpha::PROMOTION).contains(p))
            .map(|(_, mass)| mass)
            .sum();
        assert!(covered >= 0.95, "{p}: {covered}");
    }
}

#[test]
fn the_bounds_at_all_times_are_wrong_at_some_time_at_most_as_often_as_said() {
    let p = 0.1;
    // Probability of each count with no look so far having left out the truth.
    let (mut alive, mut missed) = (vec![1.0], 0.0);
    for total in 1..=300 {
        alive.push(0.0);
        for k in (0..alive.len()).rev() {
            alive[k] = alive[k] * (1.0 - p) + if k > 0 { alive[k - 1] * p } else { 0.0 };
        }
        for (k, mass) in (0..).zip(alive.iter_mut()).filter(|(_, mass)| **mass > 1e-12) {
            let shown = interval::at_all_times(tally(k, total), Alpha::PROMOTION, 100.0);
            if !shown.expect("a size").contains(p) {
                missed += std::mem::take(mass);
            }
        }
    }
    assert!(missed <= 0.05, "{missed}");
    assert!(missed > 0.005, "bounds that never miss are too wide: {missed}");
}

#[test]
fn the_bounds_at_all_times_are_wider_than_at_one_look_but_not_by_much_where_it_matters() {
    let counted = tally(250, 5000);
    let at_all_times = interval::at_all_times(counted, Alpha::PROMOTION, 5000.0).expect("a size");
    let once = interval::at_one_look(counted, Alpha::PROMOTION);
    let width = |shown: interval::Interval| shown.high - shown.low;
    assert!(at_all_times.contains(0.05));
    assert!((1.2..2.0).contains(&(width(at_all_times) / width(once))));
    let none = interval::at_all_times(tally(0, 0), Alpha::PROMOTION, 5000.0).expect("a size");
    assert_eq!((none.low, none.high), (0.0, 1.0));
    assert!(interval::at_all_times(counted, Alpha::PROMOTION, 0.0).is_err());
}

/// The probability, over all counts of both arms, that `holds`.
fn probability(sizes: (u64, u64), rates: (f64, f64), holds: impl Fn(Tally, Tally) -> bool) -> f64 {
    let stable = binomial(sizes.1, rates.1);
    let mut all = 0.0;
    for (k, mass) in (0..).zip(binomial(sizes.0, rates.0)) {
        for (s, other) in (0..).zip(&stable).filter(|(_, other)| mass * **other > 1e-9) {
            if holds(tally(k, sizes.0), tally(s, sizes.1)) {
                all += mass * other;
            }
        }
    }
    all
}

#[test]
fn differences_cover_about_as_often_as_said() {
    for (candidate, stable) in [(0.1, 0.1), (0.2, 0.05), (0.5, 0.3)] {
        let covered = probability((40, 60), (candidate, stable), |c, s| {
            interval::difference(c, s, Alpha::PROMOTION).contains(candidate - stable)
        });
        assert!((0.935..0.985).contains(&covered), "{candidate} {stable}: {covered}");
    }
}

#[test]
fn a_candidate_that_is_worse_by_the_margin_passes_about_as_often_as_alpha() {
    for (sizes, stable, margin) in [((120, 150), 0.1, 0.05), ((200, 200), 0.05, 0.05)] {
        let passed = probability(sizes, (stable + margin, stable), |c, s| {
            against_stable(c, s, margin).expect("a margin").passes(Alpha::PROMOTION)
        });
        assert!((0.02..0.06).contains(&passed), "{sizes:?}: {passed}");
    }
}

#[test]
fn no_failure_in_either_arm_passes_once_the_margin_would_have_shown() {
    let p_value =
        |n| against_stable(tally(0, n), tally(0, 10 * n), 0.01).expect("a margin").p_value;
    assert!(p_value(100) > 0.05, "{}", p_value(100));
    assert!(p_value(5000) < 0.001, "{}", p_value(5000));
    assert_eq!(against_stable(tally(0, 0), tally(0, 9), 0.01).expect("a margin").p_value, 1.0);
}

#[test]
fn against_a_limit_the_test_is_the_binomial_tail() {
    let p_value = |k, n, limit| against_limit(tally(k, n), limit).expect("a limit").p_value;
    close(p_value(0, 299, 0.01), 0.99f64.powi(299), 1e-12);
    let tail: f64 = binomial(400, 0.05).iter().take(13).sum();
    close(p_value(12, 400, 0.05), tail, 1e-10);
    assert_eq!(p_value(7, 7, 0.5), 1.0);
    assert_eq!(p_value(0, 0, 0.5), 1.0);
    assert!(against_limit(tally(0, 1), 1.0).is_err());
}

#[test]
fn the_plan_knows_how_likely_a_look_passes() {
    // Five thousand scored responses, no drift, one percentage point of margin, a stable arm whose
    // share is known well.
    let chance = |units, drift| {
        plan::chance_against_stable(
            (0.05 + drift, units),
            (0.05, 500_000.0),
            0.01,
            Alpha::PROMOTION,
        )
        .expect("shares")
    };
    close(chance(5000.0, 0.0), 0.94, 0.02);
    close(chance(250.0, 0.0), 0.16, 0.03);
    close(chance(5000.0, 0.01), 0.05, 0.005);
    let exact = plan::chance_against_limit(0.03, 1000, 0.05, Alpha::PROMOTION).expect("shares");
    let passed: f64 = (0..)
        .zip(binomial(1000, 0.03))
        .filter(|(k, _)| {
            against_limit(tally(*k, 1000), 0.05).expect("a limit").passes(Alpha::PROMOTION)
        })
        .map(|(_, mass)| mass)
        .sum();
    close(exact, passed, 1e-9);
    assert_eq!(
        plan::chance_against_limit(0.001, 50, 0.01, Alpha::PROMOTION),
        Ok(0.0),
        "fifty units cannot show one per cent"
    );
}

#[test]
fn the_plan_knows_what_stable_costs_in_time() {
    let found = |weight| {
        plan::until_found_against_stable(0.1, 0.05, weight, Alpha::ROLLBACK, 0.5)
            .expect("shares")
            .expect("found")
    };
    assert!((200..=320).contains(&found(0.01)), "{}", found(0.01));
    assert!((500..=650).contains(&found(0.5)), "{}", found(0.5));
    let never = plan::until_found_against_stable(0.05, 0.05, 0.5, Alpha::ROLLBACK, 0.5);
    assert_eq!(never, Ok(None));
    assert_eq!(plan::until_found_against_limit(0.05, 0.04, Alpha::ROLLBACK, 0.5), Ok(None));
    assert_eq!(plan::time_for(5000, 100.0, 0.01, 1.0), Some(Duration::from_secs(5000)));
    assert_eq!(plan::time_for(5000, 100.0, 0.0, 1.0), None);
    assert_eq!(plan::time_for(1, f64::MIN_POSITIVE, 0.1, 1.0), None);
}

#[test]
fn the_bounds_of_a_cost_ratio_are_where_the_promotions_test_turns() {
    let moments = |units: &[(f64, u64)]| Moments::of(units.iter().copied()).expect("values");
    let candidate = moments(&[(0.9, 80), (1.0, 90), (4.0, 10)]);
    let stable = moments(&[(0.8, 800), (1.0, 900), (4.0, 100)]);
    let shown = interval::mean_ratio(candidate, stable, Alpha::PROMOTION).expect("bounds");
    let p_value = |limit| mean_ratio(candidate, stable, limit).expect("a limit").p_value;
    close(p_value(shown.high), 0.025, 1e-6);
    close(p_value(shown.low), 0.975, 1e-6);
    assert!(shown.contains(1.0));
    // Nothing is said about a ratio to a mean that may be zero, or to no mean at all.
    let rare = moments(&[(0.0, 99), (7.0, 1)]);
    assert_eq!(interval::mean_ratio(candidate, rare, Alpha::PROMOTION), None);
    assert_eq!(interval::mean_ratio(candidate, Moments::default(), Alpha::PROMOTION), None);
    let free = interval::mean_ratio(moments(&[(0.0, 9)]), stable, Alpha::PROMOTION);
    assert_eq!(free.map(|shown| shown.low), Some(0.0));
}
