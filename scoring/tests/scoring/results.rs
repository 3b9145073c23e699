//! Tests of the totals of samples, and of searching samples.

use crate::{LIMITS, World, json_gate, rules, sample};
use serde_json::json;
use stagegate_eval::Sample;
use stagegate_scoring::{Slice, Sums};
use stagegate_store::SampleFilter;
use std::sync::Arc;

fn of(tenant: &str, rollout: &str, sample: Sample) -> Sample {
    let cohort = (tenant == "acme").then(|| "pilots".to_owned());
    Sample { tenant: Some(tenant.into()), rollout: Some(rollout.into()), cohort, ..sample }
}

fn shown(sums: &Sums) -> Vec<(Slice, u64, u64)> {
    sums.iter().map(|(key, sum)| (key.slice.clone(), sum.tally.passed, sum.tally.failed)).collect()
}

#[test]
fn sums_are_by_rollout_and_slice_and_survive_a_restart() {
    let world = World::with(&[json_gate()]);
    let samples = vec![
        of("acme", "r1", sample("a", 5, "{}")),
        of("initech", "r1", sample("b", 7, "no")),
        of("acme", "r2", sample("c", 9, "{}")),
    ];
    world.scoring.accept(samples, 10);
    let results = |world: &World, rollout| world.scoring.results("agent", rollout).expect("sums");
    let wanted = vec![
        (Slice::Whole, 1, 1),
        (Slice::Cohort("pilots".into()), 1, 0),
        (Slice::Tenant("acme".into()), 1, 0),
        (Slice::Tenant("initech".into()), 0, 1),
        (Slice::Scorer("json".into()), 1, 1),
    ];
    assert_eq!(shown(&results(&world, "r1")), wanted);
    let whole = *results(&world, "r1").values().next().expect("a sum");
    assert_eq!((whole.since_ms, whole.until_ms), (5, 7));
    assert_eq!(world.scoring.figures().series.len(), 1, "metrics show the newest rollout");
    assert_eq!(world.scoring.figures().series[0].tally.passed, 1);
    world.scoring.save(11);
    let world = world.restarted(&[json_gate()]);
    assert_eq!(shown(&results(&world, "r1")), wanted, "read from the disk");
    assert!(world.scoring.figures().series.is_empty());
    world.scoring.recall("agent", "r2");
    assert_eq!(world.scoring.figures().series[0].tally.passed, 1, "shown again");
    world.scoring.accept(vec![of("acme", "r1", sample("d", 12, "{}"))], 20);
    assert_eq!(shown(&results(&world, "r1"))[0], (Slice::Whole, 2, 1), "and counted on");
    assert!(results(&world, "never").is_empty());
}

#[test]
fn a_crash_costs_the_sums_of_the_last_second_and_no_more() {
    let accept = |world: &World, id: &str, now_ms: u64| {
        world.scoring.accept(vec![of("acme", "r", sample(id, now_ms, "{}"))], now_ms);
    };
    let passed = |world: &World| {
        let sums = world.scoring.results("agent", "r").expect("sums");
        sums.values().next().map_or(0, |whole| whole.tally.passed)
    };
    let world = World::with(&[json_gate()]);
    accept(&world, "a", 10_000);
    accept(&world, "b", 10_999);
    assert_eq!(passed(&world), 2);
    // Nothing is saved on the way out of a process that is killed.
    let world = world.restarted(&[json_gate()]);
    assert_eq!(passed(&world), 1);
    accept(&world, "c", 20_000);
    accept(&world, "d", 20_500);
    // A second later all is on the disk, though nothing new came.
    world.scoring.tick(21_000);
    let world = world.restarted(&[json_gate()]);
    assert_eq!(passed(&world), 3);
}

#[test]
fn tenants_beyond_the_cap_are_the_others() {
    let world = World::with(&[json_gate()]);
    let tenant = |n: u64| of(&format!("t{n:03}"), "r", sample(&format!("s{n}"), n, "{}"));
    world.scoring.accept((0..120).map(tenant).collect(), 500);
    let sums = world.scoring.results("agent", "r").expect("sums");
    let tenants: Vec<(Slice, u64, u64)> =
        shown(&sums).into_iter().filter(|it| matches!(it.0, Slice::Tenant(_))).collect();
    assert_eq!(tenants.len(), 51);
    assert!(tenants.contains(&(Slice::Tenant("other".into()), 70, 0)), "{tenants:?}");
    // Who is named in the configuration is summed up, and nobody else.
    let mut rules = rules(&[json_gate()]);
    Arc::make_mut(rules.get_mut("agent").expect("there")).tenants = ["vip".into()].into();
    world.scoring.configure(LIMITS, rules);
    let more =
        vec![of("vip", "r2", sample("v", 600, "{}")), of("t0", "r2", sample("w", 601, "{}"))];
    world.scoring.accept(more, 700);
    let sums = world.scoring.results("agent", "r2").expect("sums");
    let tenants: Vec<Slice> = sums.into_keys().map(|key| key.slice).collect();
    let named = |name: &str| Slice::Tenant(name.into());
    assert!(tenants.contains(&named("vip")) && tenants.contains(&named("other")), "{tenants:?}");
    assert!(!tenants.contains(&named("t0")));
}

#[test]
fn samples_are_found_by_what_was_said() {
    let world = World::with(&[json_gate()]);
    let asked = |id: &str, at, question: &str| Sample {
        input: json!({ "messages": [{ "content": question }] }),
        ..sample(id, at, "{}")
    };
    let all = vec![asked("a", 1, "A Refund!"), asked("b", 2, "the time"), asked("c", 3, "refund")];
    world.scoring.accept(all, 10);
    let filter = SampleFilter::default();
    let found = |text, limit, before| {
        let filter = SampleFilter { before, ..filter.clone() };
        let page = world.scoring.list(&filter, Some(text), limit).expect("readable");
        (page.samples.into_iter().map(|it| it.id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(found("refund", 10, None).0, ["c", "a"]);
    let (first, next) = found("refund", 1, None);
    assert_eq!(first, ["c"]);
    let (second, end) = found("refund", 1, next);
    assert_eq!((second, end), (vec!["a".to_owned()], None));
    assert!(found("invoice", 10, None).0.is_empty());
}
