//! Channels as their users see them. How messages travel is `stagegate-notify`'s story.

use crate::world::{CONFIG, World};
use serde_json::{Value, json};
use stagegate_notify::{Notice, NoticeKind, Severity};
use std::io::{Read, Write};
use std::net::TcpListener;

/// Answers one request with this status line; hands back its body.
fn answer_once(status: &'static str) -> (String, std::thread::JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        let mut chunk = [0; 4096];
        // The message ends with the object it is.
        let body = loop {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "cut off: {}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&text);
            let body = text.split_once("\r\n\r\n").and_then(|it| serde_json::from_str(it.1).ok());
            if let Some(body) = body {
                break body;
            }
        };
        write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 4\r\n\r\nwhy?")
            .unwrap();
        body
    });
    (url, thread)
}

fn config(url: &str) -> String {
    format!(
        "{CONFIG}notify:\n  - {{ name: chat, type: slack, url: '{url}', owners: [oncall] }}\n  \
         - {{ name: pager, type: pagerduty, key: R0UT1NG, workloads: [agent] }}\n"
    )
}

async fn last_audit(world: &World) -> Value {
    // Written beside the answer, so it may come a moment later.
    loop {
        let entry = world.get("/v1/audit?limit=1").await.ok()["entries"][0].clone();
        if entry["action"] == "notify_test" {
            return entry;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn channels_are_listed_with_their_filters_and_without_their_secrets() {
    let world = World::with(&config("http://127.0.0.1:1/s3cret")).await;
    let notice = Notice::new("n-1", NoticeKind::NoData, Severity::Warning, "agent", 7, "no data");
    let notifier = world.app.notifier.clone().unwrap();
    assert_eq!(notifier.notify(vec![notice]).await.unwrap(), 2);
    let listed = world.get("/v1/notify").await;
    assert!(!listed.text.contains("s3cret") && !listed.text.contains("R0UT1NG"), "{}", listed.text);
    let expected = json!({ "channels": [
        {
            "name": "chat", "type": "slack", "owners": ["oncall"], "severity": "info",
            "workloads": [], "pending": 1, "oldest_pending_at_ms": 1_000_000,
        },
        {
            "name": "pager", "type": "pagerduty", "owners": [], "severity": "warning",
            "workloads": ["agent"], "pending": 1, "oldest_pending_at_ms": 1_000_000,
        },
    ] });
    assert_eq!(listed.ok(), expected);
}

#[tokio::test]
async fn a_test_goes_out_at_once_and_is_recorded() {
    let (url, arrived) = answer_once("200 OK");
    let world = World::with(&config(&url)).await;
    let tested = world.post("/v1/notify/chat/test", json!({ "reason": "new chat" })).await.ok();
    assert_eq!((&tested["channel"], &tested["delivered"]), (&json!("chat"), &json!(true)));
    let message = arrived.join().unwrap();
    assert!(message["text"].as_str().unwrap().contains("Test of channel chat"), "{message}");
    let chat = world.get("/v1/notify").await.ok()["channels"][0].clone();
    assert_eq!(chat["last_success_at_ms"], 1_000_000);
    let entry = last_audit(&world).await;
    assert_eq!((&entry["actor"], &entry["reason"]), (&json!("local"), &json!("new chat")));
    assert_eq!(entry["summary"], "test of channel chat: delivered");
}

#[tokio::test]
async fn a_test_that_does_not_arrive_says_why() {
    let (url, arrived) = answer_once("403 Forbidden");
    let world = World::with(&config(&url)).await;
    let tested = world.post("/v1/notify/chat/test", json!({})).await.ok();
    arrived.join().unwrap();
    assert_eq!(tested["delivered"], false);
    assert_eq!(tested["error"], "it answered 403: why?");
    let chat = world.get("/v1/notify").await.ok()["channels"][0].clone();
    assert_eq!(chat["last_failure"], "it answered 403: why?");
    let unknown = world.post("/v1/notify/chart/test", json!({})).await;
    let detail = unknown.problem(404, "not-found")["detail"].clone();
    assert_eq!(detail, "there is no channel `chart`; there are: chat, pager");
}

#[tokio::test]
async fn without_a_store_nobody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("data/state.db")).unwrap();
    let world = World::try_in(dir, &config("http://127.0.0.1:1/"), true).await;
    let world = world.map_err(|(error, _)| error).unwrap();
    world.get("/v1/notify").await.problem(503, "read-only");
    world.post("/v1/notify/chat/test", json!({})).await.problem(503, "read-only");
}
