//! People are told: the built binary reaches a receiver, and what it sends is really its own.

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually_async};
use serde_json::{Value, json};

const SECRET: &str = "a secret of the tests";

fn setup(backend: &Backend, receiver: &Backend) -> Setup {
    let channel = format!(
        "[{{ name: hook, type: webhook, url: \"http://{}/told?by=stagegate\", secret: \"{SECRET}\" }}]",
        receiver.address
    );
    Setup::of(Workload::new(backend)).with("notify", &channel)
}

/// The check of the documentation, in the language it is written in there.
fn verified(header: &str, body: &[u8]) -> bool {
    let script = "\
import hashlib, hmac, sys, time
secret, header, body = sys.argv[1].encode(), sys.argv[2], sys.stdin.buffer.read()
parts = dict(part.split('=', 1) for part in header.split(','))
signed = parts['t'].encode() + b'.' + body
wanted = hmac.new(secret, signed, hashlib.sha256).hexdigest()
ours = hmac.compare_digest(wanted, parts['v1']) and abs(time.time() - int(parts['t'])) < 300
sys.exit(0 if ours else 1)";
    use std::io::Write;
    let mut python = std::process::Command::new("python3")
        .args(["-c", script, SECRET, header])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    python.stdin.take().expect("piped").write_all(body).expect("written");
    python.wait().expect("ended").success()
}

#[tokio::test]
async fn a_test_reaches_a_webhook_and_its_signature_verifies() {
    let (backend, receiver) = (Backend::start("stable"), Backend::start("receiver"));
    let stagegate = Stagegate::start(&setup(&backend, &receiver)).await;
    let output = stagegate.cli(&["notify", "test", "hook"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.starts_with("hook: delivered in "), "{output:?}");

    let seen = receiver.seen();
    let [message] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(message.head.start, "POST /told?by=stagegate HTTP/1.1");
    let header = message.head.get("stagegate-signature").expect("signed").to_owned();
    let body = message.body.as_ref().expect("read").bytes.clone();
    assert!(verified(&header, &body));
    let mut forged = body.clone();
    forged[10] ^= 1;
    assert!(!verified(&header, &forged));
    let notice: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&notice["kind"], &notice["state"]), (&json!("test"), &json!("event")));
    assert_eq!(notice["facts"], json!([{ "name": "asked by", "value": "local" }]));

    let listed = stagegate.cli(&["notify", "ls", "-o", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert!(listed["channels"][0]["last_success_at_ms"].is_u64(), "{listed}");
    let delivered = ["channel=\"hook\"", "result=\"delivered\""];
    eventually_async("the delivery to be counted", async || {
        stagegate.admin.metric("stagegate_notifications_total", &delivered).await == 1.0
    })
    .await;
    let text = stagegate.admin.get("/metrics").await.ok().response.text();
    assert!(text.contains("\nstagegate_notifications_pending 0\n"), "{text}");
    assert!(!stagegate.log().contains(SECRET) && !stagegate.log().contains("/told"));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_about_and_a_reload_brings_the_new_one() {
    let (backend, gone, new) =
        (Backend::start("stable"), Backend::start("gone"), Backend::start("new"));
    let stagegate = Stagegate::start(&setup(&backend, &gone)).await;
    drop(gone);
    let output = stagegate.cli(&["notify", "test", "hook"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("hook: NOT delivered after "), "{said}");
    stagegate.rewrite(&setup(&backend, &new));
    assert!(stagegate.cli(&["reload"]).status.success());
    assert!(stagegate.cli(&["notify", "test", "hook"]).status.success());
    assert_eq!(new.arrivals(), 1);
    let unknown = stagegate.cli(&["notify", "test", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there are: hook"));
}
