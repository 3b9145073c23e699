//! Tests of `status`.

use super::{render, watched};
use crate::output::screen::fit;
use serde_json::json;
use stagegate_api::Status;

fn window(seconds: u32, requests: u64) -> serde_json::Value {
    json!({
        "seconds": seconds, "requests": requests, "error_ratio": 0.004,
        "outcomes": { "ok": requests, "transient": 1, "permanent": 0, "external": 0,
                      "client_gone": 2 },
        "p50_ms": 12.34, "p95_ms": 40.0,
    })
}

fn status(candidate_up: bool) -> Status {
    let health = if candidate_up { "healthy" } else { "unhealthy" };
    let windows = || json!([window(60, 1_000), window(300, 5_000), window(900, 1_234_567)]);
    let value = json!({
        "version": "0.1.0", "started_at_ms": 0, "now_ms": 600_000, "epoch": 7, "ready": true,
        "not_ready_because": [], "draining": false, "safe_start": false, "auth": "tokens",
        "reload": { "ok": true, "at_ms": 0, "by": "start", "last_success_at_ms": 0,
                    "problems": [], "needs_restart": [] },
        "store": { "healthy": true, "failures": 0 },
        "decision_log": { "enabled": true, "healthy": true, "dropped": 0 },
        "workers": [{ "worker": 0, "epoch": 7, "connections": 64, "in_flight": 3 }],
        "workloads": [{
            "name": "support-agent", "epoch": 6, "weight": "10%", "weight_ratio": 0.1,
            "open": true, "sticky": "conversation", "cohorts_enabled": 1, "cohorts_total": 2,
            "next_cohort": "mid-market",
            "stable": { "release": "v42", "windows": windows(),
                        "running": "stable v42: model m-5, 1/1 endpoints healthy",
                        "endpoints": [{ "address": "10.0.0.1:9001", "health": "healthy" }] },
            "candidate": { "release": "v43", "windows": windows(),
                           "endpoints": [{ "address": "10.0.1.1:9001", "health": health }] },
        }],
        "dormant": [], "warnings": [],
    });
    serde_json::from_value(value).expect("the API's own shape")
}

#[test]
fn both_arms_stand_side_by_side_within_eighty_columns() {
    let text = render(&status(true));
    for wanted in [
        "weight 10%",
        "cohorts 1/2, next mid-market",
        "stable v42",
        "candidate v43",
        "stable v42: model m-5, 1/1 endpoints healthy",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    let requests = text.lines().find(|line| line.contains("requests")).expect("a row");
    assert_eq!(requests.matches("1,234,567").count(), 2, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('!'), "nothing to look at:\n{text}");
}

#[test]
fn the_served_share_is_shown_where_it_differs_from_the_weight() {
    let mut some = status(true);
    some.workloads[0].served_ratio = Some(0.101);
    assert!(render(&some).contains("weight 10%   by"), "{}", render(&some));
    some.workloads[0].served_ratio = Some(0.034);
    assert!(render(&some).contains("weight 10% (serves 3.4%)   by"), "{}", render(&some));
}

#[test]
fn stages_of_both_arms_fit_eighty_columns_and_say_of_how_many_requests_they_are() {
    let mut some = status(true);
    let stage = |name: &str, errors| {
        json!({ "stage": name, "calls": 1_234, "errors": errors, "p95_ms": 812.0,
                "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.0124, "unpriced_calls": 0 })
    };
    let of = |traced, stages| {
        let value =
            json!({ "requests": 500, "traced": traced, "exact": traced == 500, "stages": stages });
        Some(serde_json::from_value(value).expect("the API's own shape"))
    };
    some.workloads[0].stable.stages = of(500, vec![stage("llm", 0), stage("tool:search", 12)]);
    let candidate = some.workloads[0].candidate.as_mut().expect("a candidate");
    candidate.stages = of(400, vec![stage("llm", 3)]);
    let text = render(&some);
    for wanted in ["tool:search", "1,234", "812 ms", "$0.0124", "400 of 500 requests: a sample"] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn requests_that_stick_to_nothing_are_marked() {
    let mut many = status(true);
    let text = |status: &Status| render(status).replace("\n    ", " ");
    for window in &mut many.workloads[0].stable.windows {
        window.keys.request = 95;
        window.keys.conversation = 5;
    }
    let wanted = "sticky by conversation, but 95 of 100 requests carried none";
    assert!(text(&many).contains(wanted), "{}", text(&many));
    for window in &mut many.workloads[0].stable.windows {
        window.keys.conversation = 95;
    }
    assert!(!text(&many).contains("sticky by conversation, but"));
}

#[test]
fn what_needs_a_person_is_marked() {
    let mut bad = status(false);
    bad.reload.ok = false;
    bad.store.healthy = false;
    bad.decision_log.dropped = 12_000;
    let text = render(&bad);
    for wanted in ["10.0.1.1:9001 of v43 is unhealthy", "refused", "store:", "12,000 records"] {
        let marked = text.lines().any(|line| line.starts_with("  ! ") && line.contains(wanted));
        assert!(marked, "{wanted} is missing in\n{text}");
    }
}

#[test]
fn a_watch_keeps_alarms_and_the_asked_for_workload_on_a_small_screen() {
    let mut many = status(false);
    for number in 0..12 {
        let mut more = many.workloads[0].clone();
        more.name = format!("agent-{number}");
        many.workloads.push(more);
    }
    many.warnings = vec!["the disk is nearly full".to_owned()];
    let screen = |only| fit(&watched(&many, only, 24), 24, 80);
    let all = screen(None);
    assert!(all.lines().count() < 24, "{all}");
    assert!(all.contains("! the disk is nearly full"), "{all}");
    assert!(all.contains("agent-11   weight 10%") && !all.contains("more lines"), "{all}");
    let mut one = status(true);
    one.workloads.extend(many.workloads.drain(11..));
    let text = fit(&watched(&one, Some("support-agent"), 24), 24, 80);
    assert!(text.contains("! agent-11: 10.0.1.1:9001 of v43 is unhealthy"), "{text}");
    assert!(text.contains("first byte") && text.lines().count() < 24, "{text}");
}
