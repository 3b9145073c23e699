//! What scorers and people say of a request, as events on its trace.

use super::spans::{chat, has};
use super::{Collector, PARENT, SECRETS, TRACE, agent};
use crate::harness::{Setup, Stagegate, Workload, eventually_async};
use serde_json::json;

#[tokio::test]
async fn results_are_events_on_the_trace_of_their_request() {
    let (collector, backend) = (Collector::start().await, agent());
    let scorers = "[{ name: polite, type: contains, value: please, gate: true }, \
                    { name: secretive, type: regex, value: 'answer-[a-z]+' }]";
    let workload =
        Workload::new(&backend).with("sampling", "{ stable: 100% }").with("scorers", scorers);
    let setup = Setup::of(workload).with("tracing", &collector.tracing("sample: 0%"));
    let stagegate = Stagegate::start(&setup).await;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let answer = stagegate.connect().await.ask(&chat(&[("traceparent", &parent)])).await;
    assert_eq!(answer.status(), 200);
    let span = collector.spans("SPAN_KIND_SERVER", 1).await.remove(0);
    let events = collector.events(2).await;
    let of = |name: &str| {
        let named = |it: &&serde_json::Value| it["attributes"]["gen_ai.evaluation.name"] == name;
        events.iter().find(named).expect("one")
    };
    for (name, value, label) in [("polite", 0.0, "fail"), ("secretive", 1.0, "pass")] {
        let event = of(name);
        assert_eq!(event["name"], "gen_ai.evaluation.result");
        assert_eq!((&event["trace_id"], &event["span_id"]), (&json!(TRACE), &span["span_id"]));
        assert_eq!((&event["flags"], &event["body"]), (&json!(1), &json!(null)));
        has(
            event,
            &json!({
                "gen_ai.evaluation.score.value": value, "gen_ai.evaluation.score.label": label,
                "gen_ai.response.id": "chatcmpl-77", "gen_ai.conversation.id": "conv-9",
                "stagegate.arm": "stable", "stagegate.release": "v1",
                "stagegate.workload": "agent", "stagegate.request_id": "req-1",
            }),
        );
        assert!(event["attributes"]["gen_ai.evaluation.explanation"].is_null());
    }
    // A person's word comes as one more.
    assert!(stagegate.cli(&["scores", "add", "req-1", "--pass"]).status.success());
    let events = collector.events(3).await;
    let last = events.last().expect("three");
    assert_eq!(last["span_id"], span["span_id"]);
    has(last, &json!({ "gen_ai.evaluation.score.label": "pass" }));
    collector.holds_none_of(&SECRETS).await;
    let exported = async || {
        let events = ["kind=\"event\""];
        stagegate.admin.metric("stagegate_trace_exported_total", &events).await
    };
    eventually_async("the count", async || (exported().await - 3.0).abs() < 0.1).await;
}
