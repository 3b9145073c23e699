//! No path rolls a candidate back that is worse than stable by less than the margin, and every kind of
//! gate finds one that is worse by more.

use crate::traffic::{Behaviour, Even};
use crate::world::{SECOND, World, quick};
use stagegate_rollout::{Amount, Command, Gate, Limit, Measure, Policy, Quantile, Timing};

/// The policy of minutes, with a quantile that is compared.
fn policy() -> Policy {
    let mut policy = quick();
    let p95 = Measure::Latency { of: Timing::Total, quantile: Quantile::P95 };
    policy.gates.push(Gate::new(p95, Limit::Ratio(Amount::thousandths(1500))));
    policy.check().expect("makes sense")
}

/// Minutes until the candidate is rolled back at 20%, within an hour.
fn rolled_back(stable: Behaviour, candidate: Behaviour) -> Option<u64> {
    let mut world = World::new([Even::default(), Even::default()]);
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(policy()) };
    world.command(&start, "", false).expect("ready");
    let force = Command::Promote { expect: None, force: true };
    world.command(&force, "to have more to look at", false).expect("forced");
    (1..=3600).find_map(|second| {
        world.tick(SECOND, 100, &stable, &candidate);
        let ended = !world.state.rollout.as_ref().expect("started").is_active();
        ended.then_some(second / 60)
    })
}

#[test]
fn nothing_is_rolled_back_inside_its_margin_and_everything_beyond() {
    let good = Behaviour::GOOD;
    // Margins and limits: 1 pp of 1%; 5%; 1%; 1.2 times 0.01; 3 pp of 95%.
    for (key, inside, beyond) in [
        ("permanent", 0.018, 0.05),
        ("transient", 0.045, 0.09),
        ("slow", 0.009, 0.04),
        ("usd", 0.0118, 0.02),
        ("accuracy", 0.925, 0.85),
    ] {
        assert_eq!(rolled_back(good, good.with(key, inside)), None, "{key} inside");
        let found = rolled_back(good, good.with(key, beyond));
        assert!(found.is_some_and(|minutes| minutes < 15), "{key} beyond: {found:?}");
    }
}

#[test]
fn a_certain_difference_inside_the_margin_stays_inside_it_where_stable_hardly_fails() {
    let perfect = Behaviour::GOOD.with("permanent", 0.0001);
    let worse = |share| Behaviour::GOOD.with("permanent", share);
    assert_eq!(rolled_back(perfect, worse(0.008)), None, "eighty times as often, and 0.8 pp");
    assert!(rolled_back(perfect, worse(0.03)).is_some_and(|minutes| minutes < 10));
}
