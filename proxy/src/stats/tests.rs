//! Tests of `stats`.

use super::{Finished, MAX_STAGES, MAX_UNPRICED, OTHER, Stats, Told, tenant_label};
use stagegate_rollout::{
    Arm, CostTruth, Histogram, KeyKind, Outcome, Reason, Record, Series, TokenKind, Unpriced,
    records,
};
use stagegate_signals::{Cost, Usage};
use std::sync::Arc;

fn record() -> Record<'static> {
    Record {
        request_id: "r",
        at_ms: 1,
        workload: "w",
        release: "",
        arm: Arm::Stable,
        reason: Reason::Default,
        detail: "",
        epoch: 1,
        key: KeyKind::Request,
        bucket: None,
        weight: 0,
        tenant: "",
        user: "",
        conversation: "",
        status: 200,
        outcome: Outcome::Ok,
        duration_us: 5,
        first_byte_us: 3,
        retries: 0,
        shadowed: false,
        spent: None,
        flags: "",
    }
}

fn finish(stats: &mut Stats, workload: &Arc<str>, reason: Reason, told: &Told<'_>) {
    let finished = Finished {
        outcome: Outcome::Ok,
        reason,
        duration_us: 5,
        first_byte_us: 3,
        bytes_out: 7,
        bytes_in: 11,
        retries: 0,
        gave_way: 0,
        abandoned: false,
        identity_late: false,
        is_drawn: reason != Reason::Excluded,
        unit: None,
        at_ms: 1,
    };
    stats.finish(workload, None, Arm::Stable, finished, told, &record());
}

#[test]
fn tokens_and_money_add_up_and_a_testers_do_not_count_but_for_the_tenant() {
    let (mut stats, workload, acme) = (Stats::default(), Arc::from("w"), Arc::from("acme"));
    let told = Told {
        usage: Some(Usage { input: 3, output: 4, reasoning: 1, ..Usage::default() }),
        cost: Some(Cost::known(90, CostTruth::Reported)),
        tenant: Some(&acme),
        ..Told::default()
    };
    finish(&mut stats, &workload, Reason::Weight, &told);
    finish(&mut stats, &workload, Reason::Default, &told);
    finish(&mut stats, &workload, Reason::Forced, &told);
    let (delta, batch) = stats.take();
    let series = delta.series.values().next().expect("one series");
    assert_eq!(series.tokens[TokenKind::Output.index()], 8);
    assert_eq!((series.bytes_out, series.bytes_in), (14, 22));
    assert_eq!(series.tokens[TokenKind::Reasoning.index()], 2);
    assert_eq!(series.costs[CostTruth::Reported.index()], 2);
    assert_eq!((series.cost_nanos.sum(), series.spent_nanos[0]), (180, 180));
    let used = delta.tenants[&(Arc::clone(&workload), acme)];
    assert_eq!((used.requests, used.tokens, used.cost_nanos), (3, 21, 270));
    assert_eq!(records(batch.as_bytes()).count(), 3);
}

#[test]
fn a_client_that_leaves_is_a_time_of_at_least_that_long() {
    let (mut stats, workload) = (Stats::default(), Arc::from("w"));
    let mut left = |first_byte_us| {
        let finished = Finished {
            outcome: Outcome::ClientGone,
            reason: Reason::Default,
            duration_us: 900,
            first_byte_us,
            bytes_in: 0,
            bytes_out: 0,
            retries: 0,
            gave_way: 0,
            abandoned: true,
            identity_late: false,
            is_drawn: true,
            unit: None,
            at_ms: 1,
        };
        let told = Told::default();
        stats.finish(&workload, None, Arm::Stable, finished, &told, &record());
    };
    left(0);
    left(20);
    let (delta, _) = stats.take();
    let series = delta.series.values().next().expect("one series");
    let counts = [&series.duration_us, &series.abandoned_us, &series.unanswered_us];
    assert_eq!(counts.map(Histogram::count), [0, 2, 1]);
    assert_eq!((series.unanswered, series.first_byte_us.count()), (1, 1));
}

#[test]
fn what_the_weight_did_not_draw_is_counted_apart() {
    let (mut stats, workload) = (Stats::default(), Arc::from("w"));
    for reason in [Reason::Weight, Reason::Excluded, Reason::Excluded] {
        finish(&mut stats, &workload, reason, &Told::default());
    }
    let (delta, _) = stats.take();
    let requests =
        |of: &std::collections::HashMap<_, Series>| of.values().map(Series::requests).sum::<u64>();
    assert_eq!((requests(&delta.series), requests(&delta.apart)), (1, 2));
    assert_eq!(delta.all_series().map(|(_, it)| it.requests()).sum::<u64>(), 3);
}

#[test]
fn models_without_a_price_are_counted_by_reason_within_a_cap() {
    let (mut stats, workload) = (Stats::default(), Arc::from("w"));
    let names: Vec<String> = (0..MAX_UNPRICED * 2).map(|n| format!("m{n}")).collect();
    for name in names.iter().chain(&names[..1]) {
        let unpriced = Some((Unpriced::NotListed, name.as_str()));
        finish(&mut stats, &workload, Reason::Weight, &Told { unpriced, ..Told::default() });
    }
    let (delta, _) = stats.take();
    let count =
        |model: &str| delta.unpriced.get(&(Arc::from("w"), Unpriced::NotListed, model.into()));
    assert_eq!(delta.unpriced.len(), MAX_UNPRICED + 1);
    assert_eq!((count("m0"), count(OTHER)), (Some(&2), Some(&(MAX_UNPRICED as u64))));
}

#[test]
fn names_of_stages_are_capped_for_longer_than_one_hand_over() {
    let (mut stats, workload) = (Stats::default(), Arc::from("w"));
    for round in 0..3 {
        let stages: Vec<(String, u64)> =
            (0..20).map(|number| (format!("stage-{round}-{number}"), 1_000)).collect();
        let told = Told { stages: &stages, ..Told::default() };
        finish(&mut stats, &workload, Reason::Default, &told);
        let (delta, _) = stats.take();
        let series = delta.series.values().next().expect("one series");
        let beyond: u64 = [0, 20 * 2 - MAX_STAGES as u64, 20][round];
        let others = series.stages.get(OTHER).map_or(0, Histogram::count);
        assert_eq!(others, beyond);
        let all: u64 = series.stages.values().map(Histogram::count).sum();
        assert_eq!(all, 20, "nothing is lost");
    }
}

#[test]
fn buckets_are_kept_with_repeats() {
    let (mut stats, workload) = (Stats::default(), Arc::from("w"));
    [7, 9, 7].into_iter().for_each(|bucket| stats.assigned(&workload, bucket));
    assert_eq!(stats.take().0.assigned[&workload], [7, 9, 7]);
}

#[test]
fn a_tenant_counts_under_its_own_name_only_where_that_was_asked_for() {
    let (acme, other): (Arc<str>, Arc<str>) = ("acme".into(), OTHER.into());
    let asked = [Arc::clone(&acme)].into();
    let label = |tenant| tenant_label(&asked, tenant, &other).map(ToString::to_string);
    assert_eq!(label(Some("acme")).as_deref(), Some("acme"));
    assert_eq!(label(Some("globex")).as_deref(), Some(OTHER));
    assert_eq!(label(None).as_deref(), Some(OTHER));
    assert_eq!(tenant_label(&std::collections::BTreeSet::new(), Some("acme"), &other), None);
}
