//! Histories with faults: no promise is broken, and every broken rule is found.

use stagegate_fleet_simulation::{Mutation, Scale, World, troubled};
use std::time::Duration;

#[test]
fn no_history_breaks_a_promise() {
    let (mut rollbacks, mut at_candidates) = (0, 0);
    for seed in 0..120 {
        let replicas = 3 + usize::try_from(seed % 4).unwrap();
        let history = World::play(troubled(seed, replicas, 60, None))
            .unwrap_or_else(|broken| panic!("seed {seed}, {replicas} replicas: {broken:?}"));
        rollbacks += history.completions.len();
        at_candidates += history.requests.1;
    }
    // The histories are no idle ones.
    assert!(rollbacks > 200 && at_candidates > 20_000, "{rollbacks}, {at_candidates}");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let play = || World::play(troubled(7, 5, 30, None)).unwrap();
    let (first, second) = (play(), play());
    assert_eq!(first.requests, second.requests);
    assert_eq!(first.completions, second.completions);
}

#[test]
fn every_broken_rule_is_found() {
    for mutation in Mutation::ALL {
        let is_found = |seed: u64| World::play(troubled(seed, 5, 60, Some(mutation))).is_err();
        assert!((0..400).any(is_found), "{mutation:?} was not found");
    }
}

#[test]
fn a_rollback_of_a_healthy_fleet_takes_milliseconds() {
    let fleet = Scale {
        replicas: 30,
        fresh_for: Duration::from_secs(3),
        regions: 1,
        region: Duration::ZERO,
        seed: 1,
    };
    let figures = fleet.measure().unwrap();
    assert!(figures.rollbacks > 5, "{figures:?}");
    assert!(figures.p99 < Duration::from_millis(100), "{figures:?}");
}
