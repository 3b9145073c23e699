//! `kill -9` while scorers are at samples.

use crate::eval::{agent, question};
use crate::harness::{Backend, Exchange, Setup, Stagegate, Workload, eventually, eventually_async};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A scorer that takes its time over one sample after the other, and knows by which key it was
/// asked about each.
fn slow_scorer(keys: &Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>) -> Backend {
    let keys = Arc::clone(keys);
    Backend::with("slow", async move |exchange: &mut Exchange| {
        // What a killed process was about to ask breaks off.
        let Ok(body) = serde_json::from_slice::<Value>(&exchange.body().await.bytes) else {
            return;
        };
        let id = body["items"][0]["id"].as_str().expect("an id").to_owned();
        let key = exchange.request.get("idempotency-key").expect("a key").to_owned();
        keys.lock().expect("keys").entry(id.clone()).or_default().insert(key);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let answer = json!({ "results": [{ "id": id, "scores": [{ "value": true }] }] });
        let fields = [("content-type", "application/json")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}

#[tokio::test]
async fn kills_in_the_middle_of_scoring_lose_no_sample_and_score_none_twice() {
    let keys = Arc::default();
    let (stable, scorer) = (agent("stable", false), slow_scorer(&keys));
    let scorers = format!(
        "[{{ name: mine, type: http, url: \"http://{}/\", batch: 1, gate: true }}, \
          {{ name: in-json, type: is-json, gate: true }}]",
        scorer.address
    );
    let workload =
        Workload::new(&stable).with("sampling", "{ stable: 100% }").with("scorers", &scorers);
    let setup = Setup::of(workload).with("eval", "{ workers: 2 }");
    let stagegate = Stagegate::start(&setup).await;
    let mut accepted = BTreeSet::new();
    let ids = async || -> BTreeSet<String> {
        let samples = stagegate.admin.get("/v1/samples?limit=1000").await.ok().json;
        let samples = samples["samples"].as_array().expect("a list").iter();
        samples.map(|sample| sample["id"].as_str().expect("an id").to_owned()).collect()
    };
    for round in 0..5_u64 {
        let mut wire = stagegate.connect().await;
        for n in 0..12 {
            let question = question(round * 12 + n, "the time");
            assert_eq!(wire.ask(&question).await.status(), 200);
        }
        // Before the first question, in the middle of one, and after several were answered.
        let asked = scorer.arrivals() + round as usize * 2;
        eventually("questions", || scorer.arrivals() >= asked).await;
        accepted.extend(ids().await);
        stagegate.kill_hard();
        stagegate.restart().await;
    }
    assert!(!accepted.is_empty());
    eventually_async("every sample to be concluded", async || {
        stagegate.admin.metric("stagegate_eval_queue_items", &[]).await == 0.0
    })
    .await;
    assert!(accepted.is_subset(&ids().await), "an accepted sample is lost");
    for id in &accepted {
        let sample = stagegate.admin.get(&format!("/v1/samples/{id}")).await.ok().json;
        let summary = &sample["summary"];
        assert_eq!((&summary["pass"], &summary["open"]), (&json!(true), &json!(false)), "{sample}");
        let mut names: Vec<&str> = sample["scores"]
            .as_array()
            .expect("scores")
            .iter()
            .filter_map(|it| it["name"].as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["in-json", "mine"], "{id} is scored once");
    }
    let keys = keys.lock().expect("keys");
    for (id, keys) in &*keys {
        assert_eq!(keys.len(), 1, "{id} is asked about again by the same key: {keys:?}");
        assert!(keys.iter().all(|key| key.starts_with(&format!("{id}:mine:"))), "{keys:?}");
    }
}
