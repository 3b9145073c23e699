//! Requests copied to another release: what its backend sees, and what nobody else must notice.

mod pairs;
mod reach;

use crate::harness::backend::echo;
use crate::harness::{
    Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually, eventually_async, request,
    request_with,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// A workload whose release v2 gets copies of everything that is safe here.
fn shadowed(stable: &Backend, shadow: &Backend, more: &str) -> Workload {
    let settings = format!(
        "{{ release: v2, fraction: 100%, methods: [GET, POST], paths: [/v1/chat, /v1/threads/*]{more} }}"
    );
    Workload::new(stable).release("v2", shadow.address).with("shadow", &settings)
}

async fn start(workload: Workload) -> Stagegate {
    Stagegate::start(&Setup::of(workload)).await
}

async fn sent(stagegate: &Stagegate, outcome: &str) -> f64 {
    let labels = [format!("outcome=\"{outcome}\""), "release=\"v2\"".to_owned()];
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    stagegate.admin.metric("stagegate_shadow_requests_total", &labels).await
}

async fn dropped(stagegate: &Stagegate, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    stagegate.admin.metric("stagegate_shadow_dropped_total", &[&label]).await
}

/// Waits until so many copies came to this end.
async fn until_sent(stagegate: &Stagegate, outcome: &str, count: f64) {
    eventually_async(&format!("{count} copies that are {outcome}"), async || {
        sent(stagegate, outcome).await >= count
    })
    .await;
}

/// Requests that stable served, as the arms' own figures have them.
async fn served(stagegate: &Stagegate, release: &str) -> f64 {
    let label = format!("release=\"{release}\"");
    stagegate.admin.metric("stagegate_requests_total", &[&label]).await
}

#[tokio::test]
async fn a_copy_has_everything_that_the_request_has_and_says_what_it_is() {
    let (stable, shadow) = (Backend::with("stable", echo), Backend::with("shadow", echo));
    let stagegate = start(shadowed(&stable, &shadow, "")).await;
    let mut wire = stagegate.connect().await;
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", "ann"),
        ("x-request-id", "req-1"),
        ("authorization", "Bearer abc"),
        ("stagegate-shadow", "0"),
        ("x-mixed-Case", "kept"),
    ];
    let answer = wire.ask(&request_with("POST /v1/chat?stream=1", &fields, "{\"a\":1}")).await;
    assert_eq!((answer.arm(), answer.text().as_str()), ("stable", "{\"a\":1}"));
    until_sent(&stagegate, "ok", 1.0).await;
    let (real, copy) = (stable.last(), shadow.last());
    assert_eq!(copy.head.start, real.head.start);
    assert_eq!(copy.body.expect("a body").bytes, b"{\"a\":1}");
    for name in ["host", "content-type", "authorization", "x-mixed-Case", "x-forwarded-for", "via"]
    {
        assert_eq!(copy.head.get(name), real.head.get(name), "{name}");
    }
    let said = |name: &str| copy.head.all(name);
    assert_eq!(said("stagegate-shadow"), ["1"]);
    assert_eq!(real.head.get("stagegate-shadow"), None, "a client cannot say it");
    assert_eq!((said("stagegate-arm"), said("stagegate-release")), (vec!["candidate"], vec!["v2"]));
    assert_eq!(said("x-request-id"), ["req-1"], "the request is the same");

    // It is in nobody's figures, and its record says that there was a copy.
    eventually_async("the real one", async || served(&stagegate, "v1").await >= 1.0).await;
    assert!(served(&stagegate, "v2").await.abs() < 1e-9);
    eventually_async("the record", async || {
        stagegate.admin.get("/v1/decisions/req-1").await.status == 200
    })
    .await;
    let decision = stagegate.admin.get("/v1/decisions/req-1").await.json;
    assert_eq!(decision["decision"]["shadowed"], true, "{decision}");
    assert_eq!(decision["decision"]["release"], "v1");
    let shown = stagegate.cli(&["explain", "req-1"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("shadowed"), "{shown:?}");
}

#[tokio::test]
async fn bodies_arrive_byte_for_byte_however_they_came() {
    let (stable, shadow) = (Backend::with("stable", echo), Backend::with("shadow", echo));
    let stagegate = start(shadowed(&stable, &shadow, ", body: 300KiB")).await;
    let mut wire = stagegate.connect().await;
    // Larger than any one read, and every byte value: what a compressed body is to a proxy.
    let large: Vec<u8> = (0..250_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let head = request(
        "POST /v1/chat",
        &[("content-encoding", "gzip"), ("content-length", &large.len().to_string())],
    );
    wire.send(head).await;
    for part in large.chunks(70_000) {
        wire.send(part).await;
    }
    assert_eq!(wire.response("POST").await.body.bytes, large);
    until_sent(&stagegate, "ok", 1.0).await;
    let copy = shadow.last();
    assert_eq!(copy.head.get("content-encoding"), Some("gzip"));
    assert!(copy.body.expect("a body").bytes == large, "byte for byte");

    // In chunks, with trailers.
    let head = [("transfer-encoding", "chunked"), ("trailer", "x-sum")];
    wire.send(request("POST /v1/threads/7/runs", &head)).await;
    for part in ["3\r\nhel\r\n", "2\r\nlo\r\n", "0\r\nx-sum: 5\r\n\r\n"] {
        wire.send(part).await;
    }
    assert_eq!(wire.response("POST").await.text(), "hello");
    until_sent(&stagegate, "ok", 2.0).await;
    let body = shadow.last().body.expect("a body");
    assert_eq!(body.bytes, b"hello");
    assert_eq!(body.trailers, [("x-sum".to_owned(), "5".to_owned())]);

    // Without a body.
    assert_eq!(wire.ask(&request("GET /v1/chat", &[])).await.status(), 200);
    until_sent(&stagegate, "ok", 3.0).await;
    assert_eq!(shadow.last().head.method(), "GET");

    // Too large to be copied, whether that is said beforehand or found out.
    let (too_large, size) = ("x".repeat(400 << 10), (400 << 10).to_string());
    wire.send(request("POST /v1/chat", &[("content-length", &size)]) + &too_large).await;
    assert_eq!(wire.response("POST").await.body.bytes.len(), too_large.len());
    wire.send(request("POST /v1/chat", &[("transfer-encoding", "chunked")])).await;
    wire.send(format!("{:x}\r\n{too_large}\r\n0\r\n\r\n", too_large.len())).await;
    assert_eq!(wire.response("POST").await.body.bytes.len(), too_large.len());
    eventually_async("two that are too large", async || {
        dropped(&stagegate, "too_large").await >= 2.0
    })
    .await;
    assert_eq!(shadow.arrivals(), 3);
    assert_eq!(shadow.open(), 1, "one connection is used again and again");
}

#[tokio::test]
async fn only_what_is_listed_is_copied() {
    let (stable, shadow) = (Backend::start("stable"), Backend::start("shadow"));
    let workload = shadowed(&stable, &shadow, "")
        .with("deny", "{ users: [eve] }")
        .with("exclusions", "{ regulated: [medco] }");
    // The word of a scorer counts where the client's does.
    let setup = Setup::of(workload).with("trusted_proxies", "[127.0.0.0/8]");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    let never: [(&str, &[(&str, &str)]); 8] = [
        ("DELETE /v1/chat", &[]),
        ("PUT /v1/chat", &[("content-length", "0")]),
        ("GET /v1/chat/more", &[]),
        ("GET /v1/threads/../admin", &[]),
        ("GET /v1/threads/%2e%2e/admin", &[]),
        ("GET /v1/chat", &[("x-user-id", "eve")]),
        ("GET /v1/chat", &[("x-tenant-id", "medco")]),
        ("GET /v1/chat", &[("stagegate-eval", "1")]),
    ];
    for (line, fields) in never {
        assert_eq!(wire.ask(&request(line, fields)).await.arm(), "stable", "{line} {fields:?}");
    }
    // Copies leave in the order in which they were made: once this one is there, the others are not.
    assert_eq!(wire.ask(&request("GET /v1/chat?last", &[])).await.arm(), "stable");
    until_sent(&stagegate, "ok", 1.0).await;
    let seen: Vec<String> = shadow.seen().iter().map(|seen| seen.head.start.clone()).collect();
    assert_eq!(seen, ["GET /v1/chat?last HTTP/1.1"]);
}

#[tokio::test]
async fn a_share_of_keys_is_copied_and_a_reload_changes_it() {
    let (stable, shadow) = (Backend::start("stable"), Backend::start("shadow"));
    let with = |fraction: &str| {
        let workload = shadowed(&stable, &shadow, "");
        let settings =
            format!("{{ release: v2, fraction: {fraction}, paths: [/v1/chat], in_flight: 1000 }}");
        Setup::of(workload.with("shadow", &settings))
    };
    let stagegate = Stagegate::start(&with("0%")).await;
    let ask = async |users: u32| {
        let mut wire = stagegate.connect().await;
        for n in 0..users {
            let user = format!("user-{n}");
            let answer = wire.ask(&request("GET /v1/chat", &[("x-user-id", &user)])).await;
            assert_eq!(answer.arm(), "stable");
        }
    };
    ask(20).await;
    assert_eq!(shadow.arrivals(), 0);
    stagegate.rewrite(&with("100%"));
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    ask(20).await;
    eventually("20 copies", || shadow.arrivals() == 20).await;
    stagegate.rewrite(&with("10%"));
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    ask(400).await;
    ask(400).await;
    // Keys, not requests: whoever is copied once is copied every time.
    eventually_async("all of them", async || {
        let sum = sent(&stagegate, "ok").await;
        let left = sum - 20.0;
        left >= 30.0 && shadow.arrivals() as f64 >= sum
    })
    .await;
    let mut by_user = std::collections::HashMap::<String, u32>::new();
    for seen in &shadow.seen()[20..] {
        let user = seen.head.get("x-user-id").expect("a user").to_owned();
        *by_user.entry(user).or_default() += 1;
    }
    assert!((15..80).contains(&by_user.len()), "about a tenth of 400: {}", by_user.len());
    let plain = with("100%");
    let mut off = plain.clone();
    off.workload().unset("shadow");
    stagegate.rewrite(&off);
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    let before = shadow.arrivals();
    ask(5).await;
    stagegate.rewrite(&plain);
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    ask(1).await;
    eventually("the one after", || shadow.arrivals() > before).await;
    assert_eq!(shadow.arrivals(), before + 1);
}

/// A backend that takes requests in and answers none until it is told to.
fn hanging(open: &Arc<Notify>) -> Backend {
    let open = Arc::clone(open);
    Backend::with("shadow", async move |exchange: &mut Exchange| {
        exchange.body().await;
        open.notified().await;
        exchange.reply("200 OK", &[], b"late").await;
    })
}

#[tokio::test]
async fn a_shadow_that_hangs_delays_nobody_and_takes_so_many_places_and_no_more() {
    let open = Arc::new(Notify::new());
    let (stable, shadow) = (Backend::with("stable", echo), hanging(&open));
    let stagegate = start(shadowed(&stable, &shadow, ", in_flight: 2")).await;
    let mut wire = stagegate.connect().await;
    for n in 0..10 {
        let text = format!("{{\"n\":{n}}}");
        // The whole answer comes while every copy still hangs.
        let answer = wire.ask(&request_with("POST /v1/chat", &[], &text)).await;
        assert_eq!((answer.arm(), answer.text()), ("stable", text));
        if n < 2 {
            eventually("the copy", || shadow.arrivals() == n + 1).await;
        }
    }
    eventually_async("eight without a place", async || {
        dropped(&stagegate, "in_flight").await >= 8.0
    })
    .await;
    assert_eq!(shadow.arrivals(), 2);
    open.notify_waiters();
    until_sent(&stagegate, "ok", 2.0).await;
    assert_eq!(wire.ask(&request("GET /v1/chat", &[])).await.arm(), "stable");
    eventually("a place again", || shadow.arrivals() == 3).await;
    assert_eq!(dropped(&stagegate, "in_flight").await as u64, 8);
}

#[tokio::test]
async fn a_shadow_that_is_dead_or_fails_is_nobodys_trouble() {
    let stable = Backend::with("stable", echo);
    let failing = Backend::with("shadow", async |exchange: &mut Exchange| {
        exchange.body().await;
        match exchange.request.target() {
            "/v1/threads/well" => exchange.reply("200 OK", &[], b"").await,
            "/v1/threads/500" => exchange.reply("500 Oh no", &[("connection", "close")], b"").await,
            "/v1/threads/cut" => {
                exchange.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
                exchange.close();
            }
            "/v1/threads/junk" => {
                exchange.send("ha ha\r\n\r\n").await;
                exchange.close();
            }
            _ => exchange.close(),
        }
    });
    let stagegate = start(shadowed(&stable, &failing, ", timeout: 1s")).await;
    let mut wire = stagegate.connect().await;
    let mut ask = async |path: &str| {
        let answer = wire.ask(&request(&format!("GET {path}"), &[])).await;
        assert_eq!((answer.status(), answer.arm()), (200, "stable"), "{path}");
    };
    for path in ["/v1/threads/500", "/v1/threads/cut", "/v1/threads/junk", "/v1/threads/close"] {
        ask(path).await;
    }
    until_sent(&stagegate, "permanent", 3.0).await;
    until_sent(&stagegate, "transient", 1.0).await;
    // Junk on a connection that carried a sound answer before is junk still, not a stale connection.
    ask("/v1/threads/well").await;
    until_sent(&stagegate, "ok", 1.0).await;
    ask("/v1/threads/junk").await;
    until_sent(&stagegate, "permanent", 4.0).await;
    drop(failing);
    for _ in 0..3 {
        ask("/v1/chat").await;
    }
    until_sent(&stagegate, "transient", 4.0).await;
    eventually_async("every answer to be counted", async || {
        served(&stagegate, "v1").await as u64 == 9
    })
    .await;
    assert!(served(&stagegate, "v2").await.abs() < 1e-9);
}

#[tokio::test]
async fn a_copy_that_is_given_up_counts_as_at_least_that_slow() {
    let stable = Backend::with("stable", echo);
    let shadow = Backend::with("shadow", async |exchange: &mut Exchange| {
        exchange.body().await;
        std::future::pending::<()>().await;
    });
    let stagegate = start(shadowed(&stable, &shadow, ", timeout: 1s")).await;
    assert_eq!(stagegate.get("/v1/threads/never", &[]).await.status(), 200);
    until_sent(&stagegate, "transient", 1.0).await;
    let metric = async |name: &str| stagegate.admin.metric(name, &[]).await;
    assert!((metric("stagegate_shadow_duration_seconds_count").await - 1.0).abs() < 1e-9);
    assert!(metric("stagegate_shadow_duration_seconds_sum").await >= 1.0);
}

#[tokio::test]
async fn a_client_that_leaves_before_its_request_is_whole_leaves_no_copy() {
    let (stable, shadow) = (Backend::with("stable", echo), Backend::with("shadow", echo));
    let stagegate = start(shadowed(&stable, &shadow, ", in_flight: 1")).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /v1/chat", &[("content-length", "10")]) + "half").await;
    eventually("the beginning", || stable.arrivals() == 1).await;
    drop(wire);
    // The only place is free again.
    let mut wire = stagegate.connect().await;
    eventually_async("a copy", async || {
        let mut wire = stagegate.connect().await;
        wire.ask(&request_with("POST /v1/chat", &[], "whole")).await;
        shadow.arrivals() > 0
    })
    .await;
    assert_eq!(wire.ask(&request("GET /v1/chat", &[])).await.arm(), "stable");
    assert!(shadow.seen().iter().all(|seen| seen.head.get("content-length") != Some("10")));
}

/// Clients that ask without a break until this is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn start(stagegate: &Stagegate) -> Self {
        let stop = Arc::<AtomicBool>::default();
        for _ in 0..3 {
            let (stop, proxy) = (Arc::clone(&stop), stagegate.proxy);
            tokio::spawn(async move {
                let mut wire = Wire::connect(proxy).await;
                while !stop.load(Ordering::SeqCst) {
                    if wire.try_send(request_with("POST /v1/chat", &[], "x")).await.is_err() {
                        return;
                    }
                    if wire.try_response("POST").await.is_err() {
                        return;
                    }
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_acknowledged_kill_or_rollback_is_the_last_that_a_shadow_sees() {
    let (stable, shadow) = (Backend::start("stable"), Backend::start("shadow"));
    stable.count_only();
    let workload = shadowed(&stable, &shadow, "").with("candidate", "v2");
    let stagegate = start(workload).await;
    let _load = Load::start(&stagegate);
    for stop in ["kill", "rollback"] {
        let before = shadow.arrivals();
        eventually("copies", || shadow.arrivals() > before + 20).await;
        let epoch = match stop {
            "kill" => stagegate.admin.kill().await.epoch(),
            _ => stagegate.admin.rollback().await.epoch(),
        };
        let (at_answer, served) = (shadow.arrivals(), stable.arrivals());
        eventually("more traffic", || stable.arrivals() > served + 200).await;
        // What had left may arrive a moment later; nothing left afterwards.
        assert!(shadow.arrivals() <= at_answer + 16, "{stop}: {}", shadow.arrivals() - at_answer);
        assert!(shadow.newest_epoch() < epoch, "{stop}");
        let settled = shadow.arrivals();
        let served = stable.arrivals();
        eventually("more traffic", || stable.arrivals() > served + 200).await;
        assert_eq!(shadow.arrivals(), settled, "{stop}");
        if stop == "kill" {
            stagegate.admin.revive().await;
        }
    }
    // Opened again, it is shadowed again.
    let before = shadow.arrivals();
    stagegate.admin.weight("0.001%").await;
    eventually("copies again", || shadow.arrivals() > before + 5).await;
}
