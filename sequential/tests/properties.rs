//! Properties that hold for any counts.

use proptest::prelude::*;
use stagegate_sequential::{
    Alpha, Claim, CoinCusum, CoinTest, MeanTest, ShareCusum, ShareTest, SplitHealth, Tally,
};

fn tally(failures: u64, total: u64) -> Tally {
    Tally::of(failures, total).expect("counts")
}

fn counts(most: u64) -> impl Strategy<Value = Tally> {
    (0..=most).prop_flat_map(|total| (0..=total).prop_map(move |failures| tally(failures, total)))
}

fn share() -> ShareTest {
    ShareTest::new(0.05, Claim::Above).expect("a limit")
}

fn coin() -> CoinTest {
    CoinTest::new(1.0, Claim::Above).expect("a ratio")
}

proptest! {
    #[test]
    fn the_order_within_a_tick_does_not_matter(ticks in prop::collection::vec(counts(50), 1..8)) {
        let mut apart = share();
        ticks.iter().for_each(|tick| apart.update(*tick));
        let mut merged = share();
        merged.update(ticks.iter().rev().fold(Tally::default(), |all, tick| all.plus(*tick)));
        prop_assert!((apart.ln_value() - merged.ln_value()).abs() < 1e-9);
    }

    #[test]
    fn all_or_nothing_by_degrees_is_a_count(tick in counts(200)) {
        let (mut counted, mut graded) = (share(), share());
        counted.update(tick);
        let (failures, passes) = (tick.failures() as u64, tick.passes() as u64);
        graded.update_graded([(1.0, failures), (0.0, passes)]).expect("degrees");
        prop_assert!((counted.ln_value() - graded.ln_value()).abs() < 1e-9);
    }

    #[test]
    fn one_more_failure_never_lowers_the_evidence(ticks in prop::collection::vec(counts(50), 1..8), which: prop::sample::Index) {
        let which = which.index(ticks.len());
        let (mut fewer, mut more) = (share(), share());
        let (mut coin_fewer, mut coin_more) = (coin(), coin());
        let stable = tally(3, 60);
        for (at, tick) in ticks.iter().enumerate() {
            let worse = if at == which {
                tally((tick.failures() as u64 + 1).min(tick.total() as u64), tick.total() as u64)
            } else {
                *tick
            };
            fewer.update(*tick);
            more.update(worse);
            coin_fewer.update(*tick, stable);
            coin_more.update(worse, stable);
        }
        prop_assert!(more.ln_value() >= fewer.ln_value() - 1e-12);
        prop_assert!(coin_more.ln_value() >= coin_fewer.ln_value() - 1e-12);
    }

    #[test]
    fn no_counts_overflow(failures in prop_oneof![0u64..=70_000_000, 0u64..=1_000_000_000], blocks in 1u32..20) {
        let (mut share, mut coin) = (share(), coin());
        let mut health = SplitHealth::new();
        for _ in 0..blocks {
            let mine = tally(failures, 1_000_000_000);
            share.update(mine);
            share.begin_block();
            coin.update(mine, tally(50_000_000, 1_000_000_000));
            coin.begin_block();
            health.update(failures, 1_000_000_000, 0.1).expect("counts");
        }
        prop_assert!(share.ln_value().is_finite());
        prop_assert!(coin.ln_value().is_finite());
        prop_assert!(health.ln_value().is_finite());
        // The least alternative is a tenth more; what is nearer to the limit is not looked for.
        if failures >= 55_000_000 {
            prop_assert!(share.rejects(Alpha::ROLLBACK) && coin.rejects(Alpha::ROLLBACK));
        } else if failures <= 50_000_000 {
            prop_assert!(!share.rejects(Alpha::ROLLBACK) && !coin.rejects(Alpha::ROLLBACK));
        }
    }

    #[test]
    fn a_restored_test_goes_on_as_if_nothing_had_happened(before in counts(300), after in counts(300), stable in counts(300)) {
        let (mut kept, mut kept_coin) = (share(), coin());
        kept.update(before);
        kept.begin_block();
        kept_coin.update_slice(2, before, stable);
        let text = serde_json::to_string(&(&kept, &kept_coin)).expect("text");
        let (mut back, mut back_coin): (ShareTest, CoinTest) = serde_json::from_str(&text).expect("tests");
        for test in [&mut kept, &mut back] {
            test.update(after);
        }
        for test in [&mut kept_coin, &mut back_coin] {
            test.update_slice(2, after, stable);
        }
        prop_assert!((kept.ln_value() - back.ln_value()).abs() < 1e-9);
        prop_assert!((kept_coin.ln_value() - back_coin.ln_value()).abs() < 1e-9);
    }

    #[test]
    fn lower_edges_can_only_weaken_the_evidence_of_a_mean(values in prop::collection::vec(0.1f64..1000.0, 1..50)) {
        let edge = |value: f64| (value.log2() * 32.0).floor() / 32.0;
        let (mut exact, mut coarse) = (MeanTest::new(), MeanTest::new());
        exact.update(values.iter().map(|v| (*v, 1)), 3.0).expect("values");
        coarse.update(values.iter().map(|v| (edge(*v).exp2(), 1)), 3.0).expect("values");
        prop_assert!(coarse.ln_value() <= exact.ln_value() + 1e-9);
    }
}

#[test]
fn an_outage_that_hits_both_arms_is_no_evidence() {
    let mut test = coin();
    for _ in 0..100 {
        test.update(tally(45, 50), tally(405, 450));
    }
    assert!(!test.rejects(Alpha::ROLLBACK));
    // The same against a limit is.
    let mut limited = share();
    limited.update(tally(45, 50));
    assert!(limited.rejects(Alpha::ROLLBACK));
}

#[test]
fn one_response_a_tick_is_enough_for_a_coin() {
    let mut test = coin();
    for turn in 0..400u32 {
        // No tick ever has both arms; the candidate fails three times as often.
        test.update(tally(u64::from(turn % 5 == 0), 1), Tally::default());
        test.update(Tally::default(), tally(u64::from(turn % 15 == 0), 1));
    }
    assert!(test.rejects(Alpha::ROLLBACK), "{}", test.ln_value());
}

#[test]
fn a_candidate_with_the_harder_tasks_is_not_blamed_when_slices_are_apart() {
    let (mut apart, mut in_one) = (coin(), coin());
    for _ in 0..50 {
        let easy = (tally(1, 50), tally(16, 800));
        let hard = (tally(10, 50), tally(40, 200));
        apart.update_slice(0, easy.0, easy.1);
        apart.update_slice(1, hard.0, hard.1);
        in_one.update(easy.0.plus(hard.0), easy.1.plus(hard.1));
    }
    assert!(!apart.rejects(Alpha::ROLLBACK));
    assert!(in_one.rejects(Alpha::ROLLBACK));
    // Any number is a slice.
    apart.update_slice(usize::MAX, tally(1, 9), tally(1, 9));
}

#[test]
fn health_can_be_shown_as_well() {
    let mut below = ShareTest::new(0.05, Claim::Below).expect("a limit");
    below.update(tally(40, 2000));
    assert!(below.rejects(Alpha::PROMOTION));
    let mut not_worse = CoinTest::new(1.2, Claim::Below).expect("a ratio");
    not_worse.update(tally(1000, 20_000), tally(10_000, 200_000));
    assert!(not_worse.rejects(Alpha::PROMOTION));
}

#[test]
fn after_the_rollout_a_change_is_found_as_fast_as_at_the_start() {
    let mut cusum = ShareCusum::new(0.08, Claim::Above).expect("a limit");
    let mut against = CoinCusum::new(1.0, Claim::Above).expect("a ratio");
    for _ in 0..10_000 {
        cusum.update(tally(5, 100));
        against.update(tally(5, 100), tally(5, 100));
    }
    assert!(!cusum.alarms(1000.0) && !against.alarms(1000.0));
    for _ in 0..6 {
        cusum.update(tally(20, 100));
        against.update(tally(20, 100), tally(5, 100));
    }
    assert!(cusum.alarms(1000.0), "{}", cusum.ln_value());
    assert!(against.alarms(1000.0), "{}", against.ln_value());
    cusum.reset();
    against.reset();
    assert!(!cusum.alarms(1.1) && !against.alarms(1.1));
}

#[test]
fn a_split_that_loses_a_fifth_of_one_arm_is_noticed() {
    let (mut sound, mut leaking) = (SplitHealth::new(), SplitHealth::new());
    for _ in 0..100 {
        sound.update(100, 1000, 0.1).expect("counts");
        leaking.update(80, 980, 0.1).expect("counts");
        sound.update(500, 1000, 0.5).expect("counts");
        leaking.update(400, 900, 0.5).expect("counts");
    }
    assert!(!sound.is_invalid());
    assert!(leaking.is_invalid());
    // With everybody on one side there is no ratio to miss.
    sound.update(50, 50, 1.0).expect("counts");
    assert!(!sound.is_invalid());
    assert!(sound.update(2, 1, 0.5).is_err());
    let error = sound.update(1, 2, 1.5).expect_err("too much").to_string();
    assert_eq!(error, "`weight` is 1.5: it must be from 0 to 1");
}

#[test]
fn bad_input_is_an_error_that_names_it_and_never_a_panic() {
    for bad in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(ShareTest::new(bad, Claim::Above).is_err(), "{bad}");
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(CoinTest::new(bad, Claim::Above).is_err(), "{bad}");
        assert!(MeanTest::new().update([(1.0, 1)], bad).is_err(), "{bad}");
    }
    assert!(share().update_graded([(0.5, 1), (1.01, 1)]).is_err());
    let mut mean = MeanTest::new();
    let error = mean.update([(2.0, 1), (-3.0, 1)], 1.0).expect_err("negative").to_string();
    assert_eq!(error, "`value` is -3: it must be a number from 0 on");
    assert_eq!(mean, MeanTest::new(), "nothing was counted");
    mean.update([(f64::MAX, 1_000_000)], f64::MIN_POSITIVE).expect("large is not wrong");
    assert!(mean.ln_value().is_finite());
}

#[test]
fn a_damaged_state_is_refused() {
    let text = serde_json::to_string(&share()).expect("text");
    for (from, to) in [("0.05", "5.0"), ("[", "[0.5,"), ("\"limit\"", "\"limits\"")] {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text);
        assert!(serde_json::from_str::<ShareTest>(&damaged).is_err(), "{damaged}");
    }
}
