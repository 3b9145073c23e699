//! A rollout that a gate ended, judged again from what was recorded: the same policy gives the same numbers.

use super::World;
use crate::harness::{eventually, eventually_async};
use serde_json::{Value, json};

/// Two steps, and gates of three kinds of test.
const POLICY: &str = "{ fast: { \
    steps: [ { weight: 10%, hold: 1s, requests: 60 }, { weight: 50%, hold: 60s, requests: 200 }, \
             { weight: 100%, watch: 60s } ], \
    gates: [ { axis: latency, measure: p95, max: 250ms, for: 5s, requests: 10 }, \
             { axis: cost, measure: usd_per_request, against: stable, ratio: 1.5, for: 5s, requests: 10 }, \
             { axis: error, class: permanent, margin: 10pp, for: 2s, requests: 10 } ], \
    on_no_data: { alert_after: 60s } } }";

/// What a gate's numbers are: evidence, the look that came closest, and both arms' values.
fn numbers(gate: &Value) -> [&Value; 6] {
    let of = |key: &str| &gate[key];
    [of("gate"), of("ln_evidence"), of("p_value"), of("candidate"), of("stable"), of("state")]
}

#[tokio::test]
async fn the_recording_gives_every_number_of_the_decision_again() {
    let world = World::recorded(POLICY).await;
    world.begin().await;
    world.climb(2).await;
    world.candidate.turn_wrong_once_in(3);
    world.rolled_back_on("error").await;
    let rollout = world.rollout().await;
    let history = rollout["history"].as_array().expect("a history");
    let id = history.last().expect("a turn")["analysis"].as_str().expect("an analysis").to_owned();
    let path = format!("/v1/workloads/agent/analyses/{id}");
    let decisive = world.stagegate.admin.get(&path).await.ok().json;
    let text = format!("policies: {POLICY}\n");
    let body = json!({ "text": text, "since_ms": 0, "exact": true });
    let line = "POST /v1/workloads/agent/gates/replay";
    // A minute is stored when it is over.
    let replayed = async || {
        let answer = world.stagegate.admin.call(line, &[], Some(&body)).await.ok().json;
        answer["rollouts"][0].clone()
    };
    eventually_async("the recording", async || {
        let events = replayed().await["events"].clone();
        let last = events.as_array().and_then(|all| all.last().cloned());
        last.is_some_and(|event| event["trigger"].is_string())
    })
    .await;
    let last = replayed().await["last"].clone();
    assert_eq!(last["at_ms"], decisive["at_ms"], "{last}\n{decisive}");
    let gates = |of: &Value| of["gates"].as_array().cloned().expect("gates");
    let (once, again) = (gates(&decisive), gates(&last));
    assert_eq!(once.len(), again.len());
    for (once, again) in once.iter().zip(&again) {
        assert_eq!(numbers(once), numbers(again));
    }
    let evidence = once[2]["ln_evidence"].as_f64().expect("evidence");
    assert!(evidence > 5.0, "{decisive}");
    // The same by the command line.
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &text).expect("written");
    let path = file.path().display().to_string();
    eventually("the replay", || {
        let shown = world.stagegate.cli(&["gate", "replay", "agent", "--policy", &path, "--exact"]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        shown.contains("ROLLBACK") && shown.contains(&format!("evidence e^{evidence:.3}"))
    })
    .await;
    world.traffic.end().await;
}
