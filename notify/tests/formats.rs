//! Tests of each receiver's format, field by field.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use stagegate_notify::{Hidden, Notice, NoticeKind, Severity, Target, signature};
use support::{channel, recovered, violated, webhook};

const NOW_MS: u64 = 1_700_000_001_999;

fn body(target: Target, notice: &Notice) -> Value {
    let request = channel("it", target).request(notice, NOW_MS);
    assert_eq!(request.url, "https://receiver.test/x");
    serde_json::from_str(&request.body).unwrap()
}

fn url() -> Hidden {
    Hidden::new("https://receiver.test/x")
}

fn pagerduty(notice: &Notice) -> Value {
    body(Target::PagerDuty { url: url(), key: Hidden::new("R0UT1NG") }, notice)
}

fn slack(notice: &Notice) -> Value {
    body(Target::Slack { url: url() }, notice)
}

fn alertmanager(notice: &Notice) -> Value {
    body(Target::Alertmanager { url: url() }, notice)
}

#[test]
fn a_webhook_gets_everything_and_a_signature() {
    let request = webhook("hook", "https://receiver.test/x").request(&violated(), NOW_MS);
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let expected = json!({
        "version": 1,
        "id": "n-42",
        "kind": "gate_alert",
        "severity": "critical",
        "workload": "support-agent",
        "rollout": "r-7",
        "release": "v43",
        "step": "2 (10%)",
        "axis": "latency",
        "gate": "latency/total/p99",
        "owner": "oncall",
        "at": "2023-11-14T22:13:20.250Z",
        "at_ms": 1_700_000_000_250_u64,
        "title": "p99 of v43 is above <8 s> & rising",
        "facts": [
            { "name": "p99", "value": "8.4 s (limit 8 s)" },
            { "name": "requests", "value": "12,345" },
        ],
        "analysis": "a-9",
        "link": "https://stagegate.test/rollouts/r-7?a=1|2",
        "problem": "support-agent/r-7/latency/total/p99",
        "state": "open",
    });
    assert_eq!(body, expected);
    let secret = Hidden::new("a secret of ours");
    let signed = signature(&secret, 1_700_000_001, request.body.as_bytes());
    assert_eq!(
        request.headers,
        [("stagegate-signature", signed), ("idempotency-key", "n-42:hook".to_owned())]
    );
    let unsigned = body_of_unsigned();
    assert_eq!(unsigned, [("idempotency-key", "n-42:it".to_owned())]);
}

fn body_of_unsigned() -> Vec<(&'static str, String)> {
    channel("it", Target::Webhook { url: url(), secret: None }).request(&violated(), 0).headers
}

#[test]
fn slack_gets_blocks_and_a_text_that_stands_alone() {
    let expected = json!({
        "text": ":rotating_light: p99 of v43 is above &lt;8 s&gt; &amp; rising — support-agent",
        "blocks": [
            { "type": "section", "text": {
                "type": "mrkdwn",
                "text": "*:rotating_light: p99 of v43 is above &lt;8 s&gt; &amp; rising*",
            } },
            { "type": "section", "fields": [
                { "type": "mrkdwn", "text": "*p99*\n8.4 s (limit 8 s)" },
                { "type": "mrkdwn", "text": "*requests*\n12,345" },
            ] },
            { "type": "section", "text": {
                "type": "mrkdwn",
                "text": "<https://stagegate.test/rollouts/r-7?a=1%7C2|Read on>",
            } },
            { "type": "context", "elements": [{
                "type": "mrkdwn",
                "text": "workload support-agent · rollout r-7 · release v43 · step 2 (10%) · axis latency · gate latency/total/p99 · owner oncall · analysis a-9",
            }] },
        ],
    });
    assert_eq!(slack(&violated()), expected);
    let text = slack(&recovered())["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with(":white_check_mark: "), "{text}");
}

#[test]
fn slacks_limits_hold_whatever_people_type() {
    let mut notice = violated();
    notice.title = "<!channel> ".repeat(1000);
    notice.facts.clear();
    for n in 0..100 {
        notice = notice.fact(format!("fact {n}"), "<&>".repeat(2000));
    }
    let message = slack(&notice);
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for block in blocks {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3000, "{}", text.chars().count());
        let fields = block["fields"].as_array().cloned().unwrap_or_default();
        assert!(fields.len() <= 10);
        for field in fields {
            assert!(field["text"].as_str().unwrap().chars().count() <= 2000);
        }
    }
    assert!(!message.to_string().contains("<!channel>"), "nobody is woken by a reason's text");
}

#[test]
fn pagerduty_gets_one_incident_a_problem_and_its_end() {
    let expected = json!({
        "routing_key": "R0UT1NG",
        "event_action": "trigger",
        "dedup_key": "stagegate/support-agent/r-7/latency/total/p99",
        "client": "Stagegate",
        "client_url": "https://stagegate.test/rollouts/r-7?a=1|2",
        "links": [{
            "href": "https://stagegate.test/rollouts/r-7?a=1|2",
            "text": "Read on in Stagegate",
        }],
        "payload": {
            "summary": "p99 of v43 is above <8 s> & rising",
            "source": "support-agent",
            "severity": "critical",
            "timestamp": "2023-11-14T22:13:20.250Z",
            "class": "gate_alert",
            "component": "v43",
            "group": "oncall",
            "custom_details": {
                "p99": "8.4 s (limit 8 s)",
                "requests": "12,345",
                "workload": "support-agent",
                "rollout": "r-7",
                "release": "v43",
                "step": "2 (10%)",
                "axis": "latency",
                "gate": "latency/total/p99",
                "owner": "oncall",
                "analysis": "a-9",
            },
        },
    });
    let opened = pagerduty(&violated());
    assert_eq!(opened, expected);
    let mut rolled_back = violated();
    (rolled_back.kind, rolled_back.id) = (NoticeKind::RolledBack, "n-44".to_owned());
    assert_eq!(pagerduty(&rolled_back)["dedup_key"], opened["dedup_key"], "no second page");
    let closed = pagerduty(&recovered());
    assert_eq!(closed["event_action"], "resolve");
    assert_eq!(closed["dedup_key"], opened["dedup_key"]);
}

#[test]
fn pagerdutys_limits_hold_and_long_problems_stay_apart() {
    let long = |end: &str| {
        let mut notice = violated();
        notice.title = "t".repeat(3000);
        notice.subject = format!("{}{end}", "ä".repeat(400));
        pagerduty(&notice)
    };
    let (one, other) = (long("one"), long("other"));
    assert!(one["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
    assert_eq!(one["dedup_key"].as_str().unwrap().chars().count(), 255);
    assert_ne!(one["dedup_key"], other["dedup_key"]);
    let event = |id: &str| {
        let notice = Notice::new(id, NoticeKind::Aborted, Severity::Warning, "agent", 0, "aborted");
        pagerduty(&notice)["dedup_key"].clone()
    };
    assert_eq!(event("n-1"), "stagegate/agent/aborted/n-1");
    assert_ne!(event("n-1"), event("n-2"), "events join no incident");
}

#[test]
fn alertmanager_gets_an_alert_that_lasts_until_its_end() {
    let labels = json!({
        "alertname": "StagegateNotice",
        "severity": "critical",
        "subject": "latency/total/p99",
        "workload": "support-agent",
        "rollout": "r-7",
        "owner": "oncall",
    });
    let expected = json!([{
        "labels": labels,
        "annotations": {
            "summary": "p99 of v43 is above <8 s> & rising",
            "description": "p99: 8.4 s (limit 8 s)\nrequests: 12,345",
            "kind": "gate_alert",
            "release": "v43",
            "step": "2 (10%)",
            "analysis": "a-9",
        },
        "startsAt": "2023-11-14T22:13:20.250Z",
        "endsAt": "2023-11-15T22:13:20.250Z",
        "generatorURL": "https://stagegate.test/rollouts/r-7?a=1|2",
    }]);
    assert_eq!(alertmanager(&violated()), expected);

    let ended = alertmanager(&recovered());
    let ended = ended.as_array().unwrap();
    assert_eq!(ended.len(), 3, "whatever its severity was");
    assert!(ended.iter().any(|alert| alert["labels"] == labels));
    for alert in ended {
        assert_eq!(alert["endsAt"], "2023-11-14T22:14:20.000Z");
        assert_eq!(alert["startsAt"], alert["endsAt"]);
    }
}

#[test]
fn a_test_is_a_whole_message_everywhere() {
    let notice = Notice::test("it", "ann", 1_700_000_000_000);
    assert!(slack(&notice)["text"].as_str().unwrap().contains("Test of channel it"));
    assert_eq!(pagerduty(&notice)["payload"]["source"], "stagegate");
    assert_eq!(pagerduty(&notice)["payload"]["custom_details"], json!({ "asked by": "ann" }));
    let alert = &alertmanager(&notice)[0];
    assert_eq!(alert["labels"].get("workload"), None, "an empty label is none");
    assert_eq!(alert["endsAt"], "2023-11-14T22:18:20.000Z");
}

#[test]
fn nothing_secret_is_shown() {
    let target = Target::PagerDuty { url: url(), key: Hidden::new("R0UT1NG") };
    let shown = format!("{:?}", channel("pager", target));
    assert!(!shown.contains("R0UT1NG") && !shown.contains("receiver.test"), "{shown}");
}
