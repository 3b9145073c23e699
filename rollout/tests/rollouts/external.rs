//! Gates on values that others measure: honest without data, and never on one value alone.

use crate::traffic::{Behaviour, Even};
use crate::world::{MINUTE, SECOND, World, quick};
use stagegate_rollout::{
    Amount, Axis, Command, ExternalReading, ExternalValue, Gate, GateState, Limit, Measure, Phase,
    Policy, StableValue, Then, Verdict,
};

fn gate(limit: Limit, change: impl FnOnce(&mut ExternalValue)) -> Gate {
    let mut value = ExternalValue {
        name: "checkout".into(),
        source: "prom".into(),
        query: Some("q".into()),
        stable: StableValue::Label("release".into()),
        higher_is_better: false,
        every_ms: 10 * SECOND,
        timeout_ms: 2 * SECOND,
        no_data_blocks: true,
    };
    change(&mut value);
    Gate::new(Measure::External(Box::new(value)), limit)
}

/// The policy of minutes with one more gate.
fn policy(gate: Gate) -> Policy {
    let mut policy = quick();
    policy.gates.push(gate);
    policy.check().expect("makes sense")
}

struct Asked {
    world: World<Even>,
    gate: stagegate_rollout::GateId,
}

impl Asked {
    fn begin(gate: Gate) -> Self {
        let mut world = World::new([Even::default(), Even::default()]);
        let id = gate.id();
        let start =
            Command::Start { to: "v2".parse().expect("name"), policy: Box::new(policy(gate)) };
        world.command(&start, "", false).expect("ready");
        Self { world, gate: id }
    }

    /// Serves for so long; the source is asked every ten seconds and tells these values.
    fn serve(&mut self, length_ms: u64, candidate: Option<f64>, stable: Option<f64>) {
        for second in 0..length_ms / SECOND {
            if second % 10 == 0 {
                let at_ms = self.world.now_ms;
                let why = candidate.is_none().then(|| "no answer in time".to_owned());
                let reading = ExternalReading { at_ms, candidate, stable, why };
                self.world.external.insert(self.gate.clone(), reading);
            }
            self.world.tick(SECOND, 100, &Behaviour::GOOD, &Behaviour::GOOD);
        }
    }

    fn state(&self) -> GateState {
        let analysis = self.world.newest.as_ref().expect("judged");
        analysis.of(&self.gate).expect("the gate").state
    }

    fn blocks(&self) -> String {
        self.world.newest.as_ref().expect("judged").blocks.join("; ")
    }

    fn phase(&self) -> Phase {
        self.world.state.rollout.as_ref().expect("started").phase
    }

    fn why(&self) -> String {
        self.world.state.rollout.as_ref().expect("started").since.reason.clone()
    }
}

const MAX: Limit = Limit::Max(Amount::thousandths(20));

#[test]
fn a_value_beyond_its_limit_rolls_back_after_its_time_and_one_within_passes() {
    let mut asked = Asked::begin(gate(MAX, |_| {}));
    asked.serve(10 * MINUTE, Some(0.01), Some(0.01));
    assert_eq!(asked.state(), GateState::Ok, "{}", asked.blocks());
    assert_eq!(asked.world.newest.as_ref().expect("judged").verdict, Verdict::Pass);
    asked.serve(50 * SECOND, Some(0.05), Some(0.01));
    assert!(matches!(asked.state(), GateState::Violated { .. }));
    assert_eq!(asked.phase(), Phase::Progressing, "its minute is not over");
    asked.serve(15 * SECOND, Some(0.05), Some(0.01));
    assert_eq!(asked.phase(), Phase::RolledBack);
    assert!(
        asked.why().starts_with("external axis: gate external/checkout/max"),
        "{}",
        asked.why()
    );
}

#[test]
fn without_an_answer_it_has_no_data_and_never_holds() {
    let mut asked = Asked::begin(gate(MAX, |_| {}));
    asked.serve(6 * MINUTE, None, None);
    assert!(matches!(asked.state(), GateState::NoData { .. }));
    let blocks = asked.blocks();
    assert!(blocks.contains("there is no data (no answer in time)"), "{blocks}");
    asked.serve(30 * SECOND, Some(0.01), None);
    assert_eq!(asked.state(), GateState::Ok);
    // The source is silent: its last value stands for the present for 22 seconds, and no longer.
    asked.world.tick(20 * SECOND, 2000, &Behaviour::GOOD, &Behaviour::GOOD);
    assert!(matches!(asked.state(), GateState::NoData { .. }));
}

#[test]
fn without_data_the_policy_says_what_is_with_promotions() {
    let mut asked = Asked::begin(gate(MAX, |value| value.no_data_blocks = false));
    asked.serve(10 * MINUTE, None, None);
    assert!(matches!(asked.state(), GateState::NoData { .. }));
    assert_eq!(asked.world.newest.as_ref().expect("judged").verdict, Verdict::Pass);
}

#[test]
fn one_value_alone_never_rolls_back_and_no_data_stops_the_clock() {
    let mut asked = Asked::begin(gate(MAX, |_| {}));
    asked.serve(6 * MINUTE, Some(0.01), None);
    for _ in 0..20 {
        // One mistake, then nothing.
        asked.serve(10 * SECOND, Some(9.0), None);
        asked.serve(60 * SECOND, None, None);
        asked.serve(60 * SECOND, Some(0.01), None);
    }
    assert_eq!(asked.phase(), Phase::Progressing, "{}", asked.why());
}

#[test]
fn an_answer_of_the_step_before_says_nothing() {
    let mut asked = Asked::begin(gate(MAX, |_| {}));
    asked.serve(6 * MINUTE, Some(0.01), None);
    let force = Command::Promote { expect: None, force: true };
    asked.world.command(&force, "to see the next step", false).expect("forced");
    asked.world.tick(SECOND, 100, &Behaviour::GOOD, &Behaviour::GOOD);
    assert!(matches!(asked.state(), GateState::NoData { .. }), "{:?}", asked.state());
}

#[test]
fn stable_is_the_measure_of_a_margin_and_a_ratio() {
    let ratio = Limit::Ratio(Amount::thousandths(1200));
    for (limit, higher, candidate, ok) in [
        (ratio, false, 0.115, true),
        (ratio, false, 0.125, false),
        (ratio, true, 0.09, true),
        (ratio, true, 0.08, false),
        (Limit::Margin(Amount::thousandths(20)), false, 0.115, true),
        (Limit::Margin(Amount::thousandths(20)), true, 0.075, false),
    ] {
        let mut asked = Asked::begin(gate(limit, |value| value.higher_is_better = higher));
        asked.serve(3 * MINUTE, Some(candidate), Some(0.1));
        let progressing = asked.phase() == Phase::Progressing;
        assert_eq!(progressing, ok, "{limit:?} {higher} {candidate}: {}", asked.why());
        let mut alone = Asked::begin(gate(limit, |value| value.higher_is_better = higher));
        alone.serve(3 * MINUTE, Some(candidate), None);
        assert!(alone.blocks().contains("nothing to compare with"), "{}", alone.blocks());
    }
}

#[test]
fn it_takes_no_alpha_from_the_tests_and_alerts_if_it_is_told_to() {
    let with = policy(gate(MAX, |_| {}));
    let without = quick();
    for place in 0..without.gates.len() {
        assert!((with.alpha_of(place) - without.alpha_of(place)).abs() < 1e-15);
    }
    let mut asked = Asked::begin(Gate { then: Then::Alert, ..gate(MAX, |_| {}) });
    asked.serve(10 * MINUTE, Some(0.5), None);
    assert_eq!(asked.phase(), Phase::Progressing);
    let alarms = &asked.world.state.rollout.as_ref().expect("started").status.alarms;
    assert!(alarms.contains_key(&asked.gate), "{alarms:?}");
}

#[test]
fn a_policy_that_asks_too_seldom_or_compares_with_nothing_is_refused() {
    let refused = |gate: Gate| {
        let mut policy = quick();
        policy.gates.push(gate);
        policy.check().expect_err("makes no sense")[0].to_string()
    };
    let seldom = refused(gate(MAX, |value| value.every_ms = MINUTE));
    assert!(seldom.contains("more than half"), "{seldom}");
    let ratio = Limit::Ratio(Amount::thousandths(1200));
    let alone = refused(gate(ratio, |value| value.stable = StableValue::None));
    assert!(alone.contains("no value of stable"), "{alone}");
    let slow = refused(gate(MAX, |value| value.timeout_ms = 11 * SECOND));
    assert!(slow.contains("`every`"), "{slow}");
    let id = gate(MAX, |_| {});
    assert_eq!((id.axis, id.id().as_str()), (Axis::External, "external/checkout/max"));
}
