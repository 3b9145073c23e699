//! Tests of the contents of a scrape.

use stagegate_rollout::{
    Arm, Axis, Command, CostTruth, Delta, DoubtKind, Outcome, Phase, Reason, Series, SeriesKey,
    ShadowDrop, ShadowKey, ShadowSeries, StageUse, TenantUse, TokenKind, Unpriced, WorkloadSpec,
    WorkloadState, apply,
};
use stagegate_telemetry::{
    EndpointGauge, EvalArm, EvalGauges, EvalJudge, FlagGauges, FleetGauges, Loop, METRICS, Options,
    OtlpGauges, PlanGauges, QueueGauges, ReloadResult, RollbackKind, RolloutGauges, Telemetry,
    TraceGauges,
};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

fn telemetry() -> Telemetry {
    Telemetry::new(Options::new("1.2.3", Instant::now()))
}

fn spec() -> WorkloadSpec {
    let name = |text: &str| text.parse().expect("a name");
    let mut spec = WorkloadSpec::new(name("support"), "v1".parse().expect("a name"));
    spec.releases.insert("v2".parse().expect("a name"));
    spec.candidate = Some("v2".parse().expect("a name"));
    spec.initial_weight = "10%".parse().expect("a weight");
    spec.check().expect("a workload")
}

fn key(workload: &str, release: &str, arm: Arm) -> SeriesKey {
    SeriesKey { workload: workload.into(), release: release.into(), arm }
}

fn served(key: SeriesKey, outcomes: &[(Outcome, u64)], micros: &[u64]) -> Delta {
    let mut series = Series { bytes_out: 1000, retries: 2, forced: 1, ..Series::default() };
    for (outcome, count) in outcomes {
        series.outcomes[outcome.index()] += count;
        series.reasons[Reason::Weight.index()] += count;
    }
    for value in micros {
        series.duration_us.record(*value);
        series.first_byte_us.record(value / 2);
    }
    let mut delta = Delta::default();
    delta.series.insert(key, series);
    delta
}

/// Samples of a scrape by name and labels; labels are sorted.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let series = series.split_once('{').map_or(series.to_owned(), |(name, labels)| {
                let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
                labels.sort_unstable();
                format!("{name}{{{}}}", labels.join(","))
            });
            (series, value.parse().expect("a number"))
        })
        .collect()
}

/// Three copies that were sent and two that were not.
fn shadowed() -> Delta {
    let mut series = ShadowSeries { cost_nanos: 2_500_000, ..ShadowSeries::default() };
    series.outcomes[Outcome::Ok.index()] = 2;
    series.outcomes[Outcome::Transient.index()] = 1;
    series.dropped[ShadowDrop::InFlight.index()] = 2;
    series.duration_us.record(20_000);
    series.duration_us.record(30_000);
    let key = ShadowKey { workload: "support".into(), release: "v2".into() };
    Delta { shadows: [(key, series)].into(), ..Delta::default() }
}

/// Everything that can be counted, counted at least once.
fn busy() -> Telemetry {
    let telemetry = telemetry();
    telemetry.absorb(&shadowed(), Instant::now());
    telemetry.set_queues(&[QueueGauges {
        workload: "support".into(),
        waiting: 3,
        bytes: 100,
        oldest_ms: Some(1),
        events: [
            ("taken", 4),
            ("refused", 1),
            ("answered", 1),
            ("unknown", 0),
            ("dropped", 0),
            ("expired", 0),
        ],
    }]);
    let spec = spec();
    telemetry.set_plan(7, &[PlanGauges::of(&spec, &WorkloadState::initial(&spec))]);
    telemetry.set_endpoints(&[EndpointGauge {
        workload: "support".into(),
        release: "v1".into(),
        endpoint: "10.0.0.1:9001".into(),
        healthy: true,
    }]);
    telemetry.set_connections(&[3, 4]);
    telemetry.set_workers_alive(&[true, false]);
    telemetry.set_pins(12);
    telemetry.set_safe_start(false);
    telemetry.set_fleet(FleetGauges {
        freshness: 2.5,
        fenced: false,
        entry: 9,
        replicas: 3,
        silent: 1,
        configs: 2,
        steers: true,
        term: Some(4),
        coverage: 0.5,
    });
    Loop::ALL.into_iter().for_each(|which| telemetry.looked(which));
    telemetry.set_notifications(3, &["pager".to_owned()], &["delivered", "refused"]);
    telemetry.notified("pager", "delivered");
    telemetry.set_eval(&EvalGauges {
        results: vec![("support".into(), Arm::Candidate, "in-json".into(), "pass", 90)],
        dropped: vec![("queue", 2)],
        queue: 3,
        copies: 4096,
        pairs: vec![("support".into(), "both_pass", 3)],
        arms: vec![EvalArm {
            key: key("support", "v2", Arm::Candidate),
            accuracy: Some([0.9, 0.8, 0.95]),
            labelled_accuracy: Some([0.85, 0.7, 0.9]),
            mean_score: Some(0.88),
            brier: Some(0.1),
            calibration_error: Some(0.05),
        }],
        doubts: vec![("agent".to_owned(), Some(DoubtKind::Silent))],
        judges: vec![EvalJudge {
            workload: "agent".to_owned(),
            scorer: "rubric".to_owned(),
            spent_nanos: 1_250_000_000,
            today_usd: 0.5,
            daily_usd: 20.0,
        }],
    });
    telemetry.set_flags(&FlagGauges {
        evaluations: vec![("new-prompt".to_owned(), "on".to_owned(), "TARGETING_MATCH", 4)],
        files_good: true,
    });
    telemetry.set_expired_flags(&[("kill_switch", 1)]);
    telemetry.set_otlp(&OtlpGauges {
        exports: vec![("accepted", 3)],
        spans: vec![("joined", 30)],
        waiting: [("traces", 1), ("spans", 2)],
        bytes: 500,
    });
    telemetry.set_traces(&TraceGauges {
        exported: [("span", 40), ("event", 2)],
        dropped: vec![("queue", 1)],
    });
    telemetry.set_decision_log(false, &[("queue_full", 5)]);
    telemetry.reloaded(ReloadResult::Applied, UNIX_EPOCH + Duration::from_secs(1_000));
    telemetry.reloaded(ReloadResult::Refused, UNIX_EPOCH + Duration::from_secs(2_000));
    telemetry.rolled_back(&"support".into(), RollbackKind::Rollback);
    telemetry.store_failed();
    telemetry.rolled_back_after(&"support".into(), Duration::from_millis(12));
    telemetry.set_rollouts(&[RolloutGauges {
        workload: "support".into(),
        phase: Some(Phase::Progressing),
        step: 2,
        axes: vec![(Axis::Latency, 3)],
    }]);
    let mut delta = served(
        key("support", "v2", Arm::Candidate),
        &[(Outcome::Ok, 8), (Outcome::Permanent, 2)],
        &[4_000, 400_000, 400_000, 3_000_000],
    );
    delta.refusals.insert(("support".into(), "rate_limited"), 3);
    delta.refusals.insert(("".into(), "bad_request"), 1);
    delta.unpriced.insert(("support".into(), Unpriced::NotListed, "house-9".into()), 4);
    delta.unpriced.insert(("support".into(), Unpriced::NoModel, "".into()), 2);
    let series = delta.series.get_mut(&key("support", "v2", Arm::Candidate)).expect("there");
    series.rejected = 3;
    series.unreadable = 1;
    series.between_chunks_us.record(20_000);
    series.stages.entry("retrieve".into()).or_default().record(53_200);
    let llm = StageUse { calls: 4, errors: 1, input: 70, output: 30, nanos: 5, unpriced: 0 };
    series.stage_use.insert("llm".into(), llm);
    series.tokens[TokenKind::Output.index()] = 300;
    series.costs[CostTruth::Reported.index()] = 2;
    series.spent_nanos[CostTruth::Reported.index()] = 1_234_567_890;
    let used = TenantUse { requests: 2, tokens: 300, cost_nanos: 250_000_000 };
    delta.tenants.insert(("support".into(), "acme".into()), used);
    telemetry.absorb(&delta, Instant::now());
    telemetry
}

#[test]
fn counts_arrive_under_their_labels() {
    let telemetry = busy();
    telemetry.absorb(
        &served(key("support", "v2", Arm::Candidate), &[(Outcome::Ok, 1)], &[4_000]),
        Instant::now(),
    );
    let text = telemetry.render();
    let seen = samples(&text);
    let arm = r#"arm="candidate","#;
    let rest = r#"release="v2",workload="support""#;
    let rest_of_type = r#"release="v2",type="output",workload="support""#;
    let rest_of_truth = r#"release="v2",truth="reported",workload="support""#;
    let rest_of_llm = r#"release="v2",stage="llm",workload="support""#;
    let rest_of_stage = r#"release="v2",stage="retrieve",workload="support""#;
    for (series, value) in [
        (format!("stagegate_requests_total{{{arm}outcome=\"ok\",{rest}}}"), 9.0),
        (format!("stagegate_requests_total{{{arm}outcome=\"permanent\",{rest}}}"), 2.0),
        (format!("stagegate_requests_total{{{arm}outcome=\"external\",{rest}}}"), 0.0),
        (format!("stagegate_response_bytes_total{{{arm}{rest}}}"), 2000.0),
        (format!("stagegate_retries_total{{{arm}{rest}}}"), 4.0),
        (format!("stagegate_forced_requests_total{{{arm}{rest}}}"), 2.0),
        (format!("stagegate_rejected_total{{{arm}{rest}}}"), 3.0),
        (format!("stagegate_unreadable_signals_total{{{arm}{rest}}}"), 1.0),
        (format!("stagegate_tokens_total{{{arm}{rest_of_type}}}"), 300.0),
        (format!("stagegate_costed_responses_total{{{arm}{rest_of_truth}}}"), 2.0),
        (format!("stagegate_cost_usd_total{{{arm}{rest_of_truth}}}"), 1.234_567_89),
        (format!("stagegate_between_chunks_seconds_count{{{arm}{rest}}}"), 1.0),
        (format!("stagegate_stage_duration_seconds_sum{{{arm}{rest_of_stage}}}"), 0.0532),
        (format!("stagegate_stage_errors_total{{{arm}{rest_of_llm}}}"), 1.0),
        ("stagegate_otlp_spans_total{result=\"joined\"}".into(), 30.0),
        ("stagegate_tenant_requests_total{tenant=\"acme\",workload=\"support\"}".into(), 2.0),
        ("stagegate_tenant_tokens_total{tenant=\"acme\",workload=\"support\"}".into(), 300.0),
        ("stagegate_tenant_cost_usd_total{tenant=\"acme\",workload=\"support\"}".into(), 0.25),
        ("stagegate_decisions_total{reason=\"weight\",workload=\"support\"}".into(), 11.0),
        ("stagegate_refused_total{reason=\"rate_limited\",workload=\"support\"}".into(), 3.0),
        ("stagegate_refused_total{reason=\"bad_request\"}".into(), 1.0),
        (
            "stagegate_unpriced_responses_total{model=\"house-9\",reason=\"not_listed\",workload=\"support\"}"
                .into(),
            4.0,
        ),
        (
            "stagegate_unpriced_responses_total{reason=\"no_model\",workload=\"support\"}".into(),
            2.0,
        ),
        ("stagegate_rollbacks_total{reason=\"rollback\",workload=\"support\"}".into(), 1.0),
        ("stagegate_rollbacks_total{reason=\"kill\",workload=\"support\"}".into(), 0.0),
        ("stagegate_candidate_weight_ratio{workload=\"support\"}".into(), 0.1),
        ("stagegate_plan_epoch".into(), 7.0),
        ("stagegate_connections{worker=\"1\"}".into(), 4.0),
        ("stagegate_pins".into(), 12.0),
        ("stagegate_decision_log_healthy".into(), 0.0),
        ("stagegate_decision_log_dropped_total{reason=\"queue_full\"}".into(), 5.0),
        ("stagegate_store_failures_total".into(), 1.0),
        ("stagegate_build_info{version=\"1.2.3\"}".into(), 1.0),
    ] {
        assert_eq!(seen.get(&series), Some(&value), "{series} in\n{text}");
    }
}

#[test]
fn durations_fall_into_buckets_in_seconds() {
    let seen = samples(&busy().render());
    let bucket = |le: &str| {
        let labels = format!("arm=\"candidate\",le=\"{le}\",release=\"v2\",workload=\"support\"");
        seen[&format!("stagegate_request_duration_seconds_bucket{{{labels}}}")]
    };
    assert_eq!([bucket("0.005"), bucket("0.25"), bucket("0.5"), bucket("5")], [1.0, 1.0, 3.0, 4.0]);
    assert_eq!(bucket("+Inf"), 4.0);
    let labels = "arm=\"candidate\",release=\"v2\",workload=\"support\"";
    let sum = seen[&format!("stagegate_request_duration_seconds_sum{{{labels}}}")];
    assert_eq!(sum, 3.804);
    assert_eq!(seen[&format!("stagegate_time_to_first_byte_seconds_count{{{labels}}}")], 4.0);
}

#[test]
fn a_refused_reload_shows_and_the_old_configuration_keeps_its_date() {
    let telemetry = telemetry();
    assert!(!telemetry.render().contains("stagegate_config_reload_success"), "nothing read yet");
    telemetry.reloaded(ReloadResult::Applied, UNIX_EPOCH + Duration::from_secs(1_000));
    telemetry.reloaded(ReloadResult::Refused, UNIX_EPOCH + Duration::from_secs(2_000));
    let seen = samples(&telemetry.render());
    assert_eq!(seen["stagegate_config_reload_success"], 0.0);
    assert_eq!(seen["stagegate_config_last_reload_timestamp_seconds"], 1_000.0);
    assert_eq!(seen["stagegate_config_reloads_total{result=\"refused\"}"], 1.0);
    telemetry.reloaded(ReloadResult::Applied, UNIX_EPOCH + Duration::from_secs(3_000));
    let seen = samples(&telemetry.render());
    assert_eq!(seen["stagegate_config_reload_success"], 1.0);
    assert_eq!(seen["stagegate_config_last_reload_timestamp_seconds"], 3_000.0);
}

#[test]
fn a_rollback_and_a_kill_show_in_the_gauges() {
    let telemetry = telemetry();
    let spec = spec();
    let mut state = WorkloadState::initial(&spec);
    for command in [Command::Rollback, Command::Kill] {
        state = apply(&spec, &state, &command, "ops", "errors", 0).expect("possible").state;
    }
    telemetry.set_plan(9, &[PlanGauges::of(&spec, &state)]);
    let seen = samples(&telemetry.render());
    assert_eq!(seen["stagegate_candidate_closed{workload=\"support\"}"], 1.0);
    assert_eq!(seen["stagegate_workload_killed{workload=\"support\"}"], 1.0);
    assert_eq!(seen["stagegate_candidate_weight_ratio{workload=\"support\"}"], 0.0);
}

#[test]
fn the_release_behind_each_arm_is_told_and_its_past_role_is_not() {
    let telemetry = telemetry();
    let spec = spec();
    let before = PlanGauges::of(&spec, &WorkloadState::initial(&spec));
    telemetry.set_plan(1, std::slice::from_ref(&before));
    let role = |telemetry: &Telemetry, arm: &str, release: &str| {
        let labels = format!("arm=\"{arm}\",release=\"{release}\",workload=\"support\"");
        samples(&telemetry.render()).get(&format!("stagegate_arm_info{{{labels}}}")).copied()
    };
    assert_eq!(role(&telemetry, "stable", "v1"), Some(1.0));
    assert_eq!(role(&telemetry, "candidate", "v2"), Some(1.0));
    let after = PlanGauges { stable: "v2".into(), candidate: None, ..before };
    telemetry.set_plan(2, &[after]);
    assert_eq!(role(&telemetry, "stable", "v2"), Some(1.0));
    assert!(role(&telemetry, "stable", "v1").is_some_and(f64::is_nan));
    assert!(role(&telemetry, "candidate", "v2").is_some_and(f64::is_nan));
}

#[test]
fn arms_count_from_zero_before_the_first_request() {
    let telemetry = telemetry();
    let spec = spec();
    telemetry.set_plan(1, &[PlanGauges::of(&spec, &WorkloadState::initial(&spec))]);
    let seen = samples(&telemetry.render());
    let labels = "arm=\"candidate\",outcome=\"permanent\",release=\"v2\",workload=\"support\"";
    assert_eq!(seen.get(&format!("stagegate_requests_total{{{labels}}}")), Some(&0.0));
    assert_eq!(
        seen.get("stagegate_decisions_total{reason=\"candidate_down\",workload=\"support\"}"),
        Some(&0.0)
    );
}

#[test]
fn what_is_removed_raises_no_alert_and_disappears_while_the_rest_stays() {
    let kept = Duration::ZERO;
    let telemetry =
        Telemetry::new(Options { keep_removed: kept, ..Options::new("1.2.3", Instant::now()) });
    let spec = spec();
    let support = PlanGauges::of(&spec, &WorkloadState::initial(&spec));
    let other = PlanGauges { workload: "other".into(), killed: true, ..support.clone() };
    telemetry.set_plan(1, &[support.clone(), other]);
    let endpoint = |endpoint: &str, healthy| EndpointGauge {
        workload: "support".into(),
        release: "v1".into(),
        endpoint: endpoint.into(),
        healthy,
    };
    telemetry.set_endpoints(&[endpoint("a:1", true), endpoint("b:1", false)]);
    let text = telemetry.render();
    assert_eq!(samples(&text)["stagegate_workload_killed{workload=\"other\"}"], 1.0);

    telemetry.set_plan(2, std::slice::from_ref(&support));
    telemetry.set_endpoints(&[endpoint("a:1", true)]);
    let seen = samples(&telemetry.render());
    assert!(seen["stagegate_workload_killed{workload=\"other\"}"].is_nan());
    let gone = "stagegate_endpoint_healthy{endpoint=\"b:1\",release=\"v1\",workload=\"support\"}";
    assert!(seen[gone].is_nan());

    let text = telemetry.render();
    assert!(!text.contains("workload=\"other\"") && !text.contains("b:1"), "{text}");
    assert!(text.contains("endpoint=\"a:1\""), "{text}");
    let labels = "arm=\"stable\",outcome=\"ok\",release=\"v1\",workload=\"support\"";
    assert!(samples(&text).contains_key(&format!("stagegate_requests_total{{{labels}}}")));
    assert!(samples(&text).contains_key("stagegate_store_failures_total"), "quiet, yet alive");
}

#[test]
fn an_endpoint_of_several_addresses_shows_the_share_that_is_well() {
    let telemetry = telemetry();
    let address = |healthy| EndpointGauge {
        workload: "support".into(),
        release: "v1".into(),
        endpoint: "agents:8001".into(),
        healthy,
    };
    let shown = |addresses: &[bool]| {
        telemetry.set_endpoints(&addresses.iter().copied().map(address).collect::<Vec<_>>());
        let labels = "endpoint=\"agents:8001\",release=\"v1\",workload=\"support\"";
        samples(&telemetry.render())[&format!("stagegate_endpoint_healthy{{{labels}}}")]
    };
    assert_eq!(shown(&[true, false, true, true]), 0.75);
    assert_eq!(shown(&[false, false]), 0.0);
    assert_eq!(shown(&[true]), 1.0);
}

#[test]
fn a_result_that_has_not_happened_yet_is_zero_so_that_the_first_is_seen() {
    let shown = samples(&busy().render());
    let count = |result: &str| {
        shown[&format!("stagegate_notifications_total{{channel=\"pager\",result=\"{result}\"}}")]
    };
    assert_eq!((count("delivered"), count("refused")), (1.0, 0.0));
    assert_eq!(shown["stagegate_notifications_pending"], 3.0);
}

#[test]
fn copies_are_counted_apart_from_what_was_served() {
    let telemetry = busy();
    let before = samples(&telemetry.render());
    telemetry.absorb(&shadowed(), Instant::now());
    let shown = samples(&telemetry.render());
    let of = |name: &str, label: &str| {
        let labels: Vec<&str> = [label, "release=\"v2\"", "workload=\"support\""]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let mut labels = labels;
        labels.sort_unstable();
        shown[&format!("stagegate_shadow_{name}{{{}}}", labels.join(","))]
    };
    assert_eq!(of("requests_total", "outcome=\"ok\""), 4.0);
    assert_eq!(of("requests_total", "outcome=\"permanent\""), 0.0);
    assert_eq!(of("dropped_total", "reason=\"in_flight\""), 4.0);
    assert_eq!(of("cost_usd_total", ""), 0.005);
    assert_eq!(of("duration_seconds_count", ""), 4.0);
    let others = |all: &BTreeMap<String, f64>| -> Vec<(String, f64)> {
        let wanted = |name: &str| name.starts_with("stagegate_") && !name.contains("_shadow_");
        all.iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| (name.clone(), *value))
            .collect()
    };
    assert_eq!(others(&before), others(&shown), "nothing else moved");
}

#[test]
fn every_family_is_named_described_and_used() {
    let text = busy().render();
    for metric in METRICS.iter() {
        let kind = format!("# TYPE {} {}\n", metric.name, metric.kind.label());
        assert!(text.contains(&kind), "{} is never shown:\n{text}", metric.name);
        assert!(
            text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)),
            "{}",
            metric.name
        );
    }
    let families = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families, METRICS.len(), "a family without an entry in the names:\n{text}");
}

#[test]
fn accuracy_is_never_shown_without_its_interval() {
    let text = busy().render();
    let bound = |bound: &str| -> f64 {
        let labels = format!("arm=\"candidate\",bound=\"{bound}\"}} ");
        let lines = text.lines().filter(|line| line.starts_with("stagegate_eval_accuracy_ratio"));
        let found = lines.filter_map(|line| line.split_once(&labels)).next();
        found.expect("the bound").1.parse().expect("a number")
    };
    assert!((bound("estimate") - 0.9).abs() < 1e-9);
    assert!(bound("lower") > 0.5 && bound("lower") < 0.88, "{}", bound("lower"));
    assert!(bound("upper") > 0.92 && bound("upper") < 1.0, "{}", bound("upper"));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let started = Process::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(promtool) => promtool,
        #[allow(clippy::print_stderr)]
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: promtool does not start ({error}); install Debian's `prometheus`");
            return;
        }
        Err(error) => panic!("promtool must be there in CI: {error}"),
    };
    let mut stdin = promtool.stdin.take().expect("piped");
    stdin.write_all(busy().render().as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{}: {said}", output.status);
}
