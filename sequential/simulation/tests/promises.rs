//! The short version of `cargo xtask simulate`: few runs, the same judgement.

use stagegate_sequential::{Alpha, Claim, MeanTest, ShareCusum, Tally};
use stagegate_simulation::rng::Rng;
use stagegate_simulation::rules::RuleKind;
use stagegate_simulation::scenario::{NORMAL, Scenario};
use stagegate_simulation::summary::{Summary, simulate};

const SEED: u64 = 7;

/// All rules' summaries of the scenarios that `wanted` picks, at least `expected` of them.
fn summaries(runs: u64, expected: usize, wanted: impl Fn(&Scenario) -> bool) -> Vec<Summary> {
    let all = Scenario::all();
    let picked: Vec<_> = all.iter().enumerate().filter(|(_, scenario)| wanted(scenario)).collect();
    assert!(picked.len() >= expected, "only {} scenarios", picked.len());
    picked
        .into_iter()
        .flat_map(|(index, scenario)| simulate(index, scenario, runs, SEED).expect("constants"))
        .collect()
}

fn assert_kept(summaries: &[Summary]) {
    let broken: Vec<_> =
        summaries.iter().flat_map(|summary| summary.broken_promises(false)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_doubled_failure_rate_is_found_as_fast_as_promised() {
    let found = summaries(400, 4, |scenario| scenario.median_at_most.is_some());
    assert_kept(&found);
}

#[test]
fn a_good_candidate_stays_and_naive_rules_would_have_taken_it_back() {
    let good = summaries(40, 3, |scenario| {
        ["limit: good", "stable, w 10%: good", "stable, w 50%: good"]
            .contains(&scenario.name.as_str())
    });
    assert_kept(&good);
    let rate = |rule: RuleKind| {
        let of: Vec<_> = good.iter().filter(|summary| summary.rule == rule.label()).collect();
        of.iter().map(|summary| summary.false_rollback_rate).sum::<f64>() / of.len() as f64
    };
    assert!(rate(RuleKind::EProcess) < 0.05);
    assert!(rate(RuleKind::Threshold) > 0.25);
    assert!(rate(RuleKind::ZTest) > 0.1);
}

#[test]
fn restarts_find_a_late_change_sooner() {
    let late = summaries(30, 2, |scenario| scenario.from > 0);
    assert_kept(&late);
    let median = |rule: RuleKind, against: &str| {
        late.iter()
            .find(|summary| summary.rule == rule.label() && summary.scenario.starts_with(against))
            .and_then(|summary| summary.median_detection)
            .expect("found within the step")
    };
    for against in ["limit", "stable"] {
        let with = median(RuleKind::EProcess, against);
        assert!(with * 3 < median(RuleKind::WithoutRestarts, against) * 2, "{against}: {with}");
    }
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let once = || {
        let found = summaries(20, 1, |scenario| scenario.name == "limit: 5% -> 10%");
        serde_json::to_string(&found).expect("text")
    };
    assert_eq!(once(), once());
}

#[test]
fn after_the_rollout_false_alarms_are_as_rare_as_their_level() {
    let (level, runs) = (50.0, 200);
    let mut ticks = 0.0;
    for run in 0..runs {
        let mut rng = Rng::new(SEED, 0, run);
        let mut cusum = ShareCusum::new(NORMAL, Claim::Above).expect("a limit");
        while !cusum.alarms(level) {
            cusum.update(Tally::of(u64::from(rng.chance(NORMAL)), 1).expect("counts"));
            ticks += 1.0;
        }
    }
    let mean = ticks / runs as f64;
    assert!(mean >= level, "{mean}");
}

/// When the cost test rolls back, for costs of this mean with a heavy tail, against a limit of 1.
fn rolled_back_at(mean: f64, run: u64, horizon: u64) -> Option<u64> {
    const SIGMA: f64 = 1.5;
    let mut rng = Rng::new(SEED, 1, run);
    let mut test = MeanTest::new();
    (1..=horizon).find(|unit| {
        let cost = mean * (SIGMA * rng.normal() - SIGMA * SIGMA / 2.0).exp();
        // What a histogram with 32 buckets an octave would remember.
        let edge = ((cost.log2() * 32.0).floor() / 32.0).exp2();
        test.update([(edge, 1)], 1.0).expect("a cost");
        if unit % 100 == 0 {
            test.begin_block();
        }
        test.rejects(Alpha::ROLLBACK)
    })
}

#[test]
fn a_cost_with_a_heavy_tail_is_judged_by_its_mean() {
    // A tenth of the units makes more than half of the cost here.
    let (runs, horizon) = (200, 3000);
    let at_the_limit = (0..runs).filter(|run| rolled_back_at(1.0, *run, horizon).is_some()).count();
    assert!(at_the_limit <= 5, "{at_the_limit} of {runs}");
    let mut found: Vec<u64> =
        (0..runs).filter_map(|run| rolled_back_at(2.0, run, horizon)).collect();
    found.sort_unstable();
    assert!(found.len() as u64 > runs * 9 / 10, "{}", found.len());
    assert!(found[found.len() / 2] < 200, "{}", found[found.len() / 2]);
}
