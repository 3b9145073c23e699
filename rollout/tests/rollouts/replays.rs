//! Tests of replays with another policy, and of the outlook of a policy.

use crate::traffic::{Behaviour, Even, Seeded, series};
use crate::world::{HOUR, MINUTE, SECOND, World, quick};
use stagegate_rollout::{
    Amount, Axis, Command, Limit, PlannedStep, Policy, Rates, RecordedMinute, Recording, Replay,
    Tick, Verdict, Weight, Zone, chance_to_pass, plan, replay,
};

/// Minutes of 6,000 requests at a weight, with a candidate of this behaviour.
struct Tape {
    windows: Vec<Tick>,
    draws: [Even; 2],
}

impl Tape {
    fn new() -> Self {
        Self { windows: Vec::new(), draws: [Even::default(), Even::default()] }
    }

    fn record(mut self, minutes: u64, percent: u32, candidate: &Behaviour) -> Self {
        for _ in 0..minutes {
            let of_candidate = u64::from(percent) * 60;
            let [stable, of] = &mut self.draws;
            self.windows.push(Tick {
                at_ms: (self.windows.len() as u64 + 1) * MINUTE,
                observed_ms: MINUTE,
                weight: Weight::percent(percent),
                stable: series(stable, 6000 - of_candidate, &Behaviour::GOOD),
                candidate: series(of, of_candidate, candidate),
                assigned: Vec::new(),
                apart: [0; 2],
                ..Tick::default()
            });
        }
        self
    }

    fn judged_by(&self, policy: Policy) -> Replay {
        let recording = Recording {
            workload: &"agent".parse().expect("name"),
            from: &"v1".parse().expect("name"),
            to: &"v2".parse().expect("name"),
            windows: &self.windows,
            daily_budget: None,
            zone: &Zone::utc(),
        };
        replay(policy, &recording).expect("makes sense")
    }
}

#[test]
fn a_stricter_policy_would_have_rolled_back_and_spared_requests() {
    // Two points more permanent failures than stable: inside of three, beyond one.
    let worse = Behaviour::GOOD.with("permanent", 0.03);
    let tape = Tape::new()
        .record(20, 0, &Behaviour::GOOD)
        .record(20, 5, &Behaviour::GOOD)
        .record(30, 20, &worse);
    let strict = tape.judged_by(quick());
    let event = strict.rollback().expect("rolled back");
    assert_eq!(event.trigger.as_ref().expect("a trigger").axis(), Axis::Error);
    assert!((40 * MINUTE..50 * MINUTE).contains(&event.at_ms), "{}", event.at_ms);
    assert!(strict.spared > 20_000, "{}", strict.spared);
    let mut lenient = quick();
    lenient.gates[3].limit = Limit::Margin(Amount::thousandths(30));
    let lenient = tape.judged_by(lenient);
    assert_eq!(lenient.rollback(), None);
    assert_eq!((lenient.spared, lenient.windows), (0, 50));
}

#[test]
fn every_recorded_weight_is_judged_as_its_step_from_nothing() {
    let good = &Behaviour::GOOD;
    let replay = Tape::new().record(15, 5, good).record(15, 30, good).judged_by(quick());
    let told: Vec<(usize, Verdict)> =
        replay.events.iter().map(|event| (event.step, event.verdict)).collect();
    use Verdict::{Inconclusive, Pass};
    assert_eq!(told, [(0, Inconclusive), (0, Pass), (1, Inconclusive), (1, Pass)]);
    assert_eq!(replay.events[2].analysis.observed_ms, MINUTE);
    assert!(replay.events[2].analysis.requests < 2000);
}

#[test]
fn a_policy_that_makes_no_sense_is_not_replayed() {
    let mut policy = quick();
    policy.steps.clear();
    let names = ["agent", "v1", "v2"];
    let recording = Recording {
        workload: &names[0].parse().expect("name"),
        from: &names[1].parse().expect("name"),
        to: &names[2].parse().expect("name"),
        windows: &[],
        daily_budget: None,
        zone: &Zone::utc(),
    };
    assert!(replay(policy, &recording).is_err());
}

#[test]
fn a_plan_says_how_long_what_is_found_and_what_it_costs() {
    let rates = Rates { rps: 100.0, usd_per_request: 0.01, ..Rates::default() };
    let planned = plan(&Policy::builtin(), &rates, &[]);
    assert_eq!(planned.len(), 4);
    let first = &planned[0];
    // 5,000 scored of 1% of 100 requests a second, one in twenty scored: 28 hours, and not the
    // 30 minutes that the step asks for.
    let accuracy = &first.gates[0];
    assert_eq!((accuracy.needed, accuracy.takes_ms), (5000, Some(100_000_000)));
    assert_eq!(first.takes_ms, Some(100_000_000));
    assert!(first.because.contains("eval/accuracy/against-stable"), "{}", first.because);
    assert_eq!(first.requests, 100_000);
    assert!((first.usd - 1000.0).abs() < 1e-6, "{}", first.usd);
    let passes = accuracy.passes.expect("a test of shares");
    assert!((0.5..1.0).contains(&passes), "{passes}");
    let found = accuracy.found_after.expect("found");
    assert!((500..20_000).contains(&found), "{found}");
    // Found sooner where more is counted, and by nobody who is never asked.
    assert!(planned[2].gates[0].found_in_ms < accuracy.found_in_ms);
    assert_eq!(planned[3].takes_ms, Some(72 * HOUR));
    let unscored = plan(&Policy::builtin(), &Rates { scored_candidate: 0.0, ..rates }, &[]);
    assert_eq!(unscored[0].takes_ms, None);
    assert!(unscored[0].because.contains("eval/accuracy"), "{}", unscored[0].because);
}

#[test]
fn turns_that_hang_together_are_planned_as_what_they_are_worth() {
    let policy = Policy::builtin();
    let permanent = |rates: &Rates| {
        let steps = plan(&policy, rates, &[]);
        let gates = steps.into_iter().next().expect("a step").gates;
        let is_it = |it: &stagegate_rollout::PlannedGate| {
            it.gate.as_str() == "error/permanent/against-stable"
        };
        gates.into_iter().find(is_it).expect("the gate")
    };
    let independent = Rates { rps: 100.0, ..Rates::default() };
    let alone = permanent(&independent);
    let effects = [(alone.gate.clone(), 3.0)].into();
    let together = permanent(&Rates { effects, ..independent });
    assert_eq!((alone.effect, together.effect), (None, Some(3.0)));
    assert_eq!(alone.needed, together.needed, "the first look comes with as many values");
    assert!(together.passes < alone.passes, "{together:?}");
    let found = |it: &stagegate_rollout::PlannedGate| it.found_after.expect("found");
    assert!(found(&together) > 2 * found(&alone), "{together:?}");
}

/// 100 requests of the candidate a minute, all conversations scored: turns are no values of a scorer.
#[test]
fn a_plan_counts_conversations_and_says_when_a_good_candidate_passes() {
    let policy = Policy::builtin();
    let rates = Rates {
        rps: 166.7,
        permanent: 0.005,
        scored_candidate: 1.0,
        scored_stable: 0.05,
        ..Rates::default()
    };
    let of_requests = &plan(&policy, &rates, &[])[0];
    let minutes = |ms: u64| ms / 60_000;
    assert_eq!(of_requests.takes_ms.map(minutes), Some(49), "{}", of_requests.because);
    let passes = of_requests.passes.expect("a chance");
    assert!((0.6..0.95).contains(&passes), "{passes}");
    // Nobody is promised what the first looks do not give: nine of ten pass later.
    assert!(of_requests.likely_ms > of_requests.takes_ms, "{of_requests:?}");
    let takes = of_requests.takes_ms.expect("a time");
    assert!((chance_to_pass(&policy, &rates, 0, takes) - passes).abs() < 1e-9);
    assert_eq!(chance_to_pass(&policy, &rates, 0, takes / 2), 0.0);
    let of_conversations = &plan(&policy, &Rates { turns: 8.0, ..rates.clone() }, &[])[0];
    assert_eq!(of_conversations.takes_ms.map(minutes), Some(399));
    assert!(of_conversations.because.contains("eval/accuracy"), "{}", of_conversations.because);
    let a_fifth = Rates { turns: 8.0, scored_candidate: 0.2, ..rates.clone() };
    assert_eq!(plan(&policy, &a_fifth, &[])[0].takes_ms.map(minutes), Some(1999));
    // Turns that hang together carry less, for the gates that count turns.
    let together = &plan(&policy, &Rates { turns: 8.0, icc: 0.2, ..rates }, &[])[0];
    let effect = |gate: &str| {
        together.gates.iter().find(|it| it.gate.as_str() == gate).and_then(|it| it.effect)
    };
    assert_eq!(effect("error/permanent/against-stable"), Some(1.0 + 7.0 * 0.2));
    assert_eq!(effect("eval/accuracy/against-stable"), None, "one value of a conversation");
    let passes = |step: &PlannedStep| {
        step.gates.iter().find(|it| it.gate.as_str() == "error/permanent/against-stable")?.passes
    };
    assert!(passes(together) < passes(of_conversations), "{together:?}");
}

/// Looks of a live rollout, stored minute by minute and read back, give every number again.
#[test]
fn a_replay_look_by_look_gives_the_evidence_of_the_time() {
    let mut world = World::new([Seeded(7), Seeded(8)]);
    let start = Command::Start { to: "v2".parse().expect("name"), policy: Box::new(quick()) };
    world.command(&start, "", false).expect("ready");
    let (mut minutes, mut minute) = (Vec::new(), RecordedMinute::default());
    let worse = Behaviour::GOOD.with("permanent", 0.014);
    for second in 1..=14 * 60 {
        let tick = world.count(SECOND, 100, &Behaviour::GOOD, &worse);
        world.judge(&tick);
        minute.ticks.push(Tick { assigned: Vec::new(), ..tick });
        if second % 60 == 0 {
            minutes.push(serde_json::to_string(&std::mem::take(&mut minute)).expect("stored"));
        }
    }
    let read = |text: &String| serde_json::from_str::<RecordedMinute>(text).expect("read back");
    let windows: Vec<Tick> = minutes.iter().flat_map(|text| read(text).ticks).collect();
    let tape = Tape { windows, draws: [Even::default(), Even::default()] };
    let replayed = tape.judged_by(quick()).last.expect("judged");
    let live = world.newest.expect("judged");
    assert_eq!(replayed.measurements.len(), live.measurements.len());
    for (again, once) in replayed.measurements.iter().zip(&live.measurements) {
        assert_eq!(again.ln_evidence, once.ln_evidence, "{}", once.gate);
        assert_eq!(again.p_value, once.p_value, "{}", once.gate);
        assert_eq!((again.candidate, again.stable), (once.candidate, once.stable), "{}", once.gate);
        assert_eq!(again.state, once.state, "{}", once.gate);
    }
    assert!(live.measurements.iter().any(|it| it.ln_evidence.is_some_and(|ln| ln.abs() > 0.1)));
}
