//! What goes on around the clients: backends killed, configurations reloaded, weights moved.

use super::Shared;
use crate::harness::{Backend, Exchange, Setup, Stagegate};
use serde_json::json;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Events of each stream.
pub(super) const EVENTS: usize = 20;
/// How long after a backend came back an error may still be put down to it: health checks have
/// to notice, and connections kept to it to be found dead.
const AFTERMATH: Duration = Duration::from_secs(1);
/// How long a killed backend is away.
const AWAY: Duration = Duration::from_millis(500);

/// The backends' script: `…/stream` is a stream of events, the rest is echoed with a session id.
pub(super) async fn answer(exchange: &mut Exchange) {
    let body = exchange.body().await;
    if !exchange.request.target().ends_with("/stream") {
        // Each answer issues an id: the learned pins must be bounded too.
        let session = exchange.request.get("x-request-id").unwrap_or_default().to_owned();
        return exchange.reply("200 OK", &[("mcp-session-id", &session)], &body.bytes).await;
    }
    let arm = Rc::clone(&exchange.arm);
    exchange.begin_chunked("200 OK", &[("content-type", "text/event-stream")]).await;
    for number in 0..EVENTS {
        exchange.chunk(event(number).as_bytes()).await;
        // Streams take time, or there would be nothing to interrupt.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    exchange.end_chunked(&[("x-served-by", &arm)]).await;
}

/// One event of a stream.
pub(super) fn event(number: usize) -> String {
    format!("data: {{\"number\":{number},\"token\":\"a word or two\"}}\n\n")
}

/// When backends were down.
#[derive(Default)]
pub(super) struct Outages {
    down: Mutex<Outage>,
}

#[derive(Default, Clone, Copy)]
enum Outage {
    #[default]
    Never,
    Now,
    Until(Instant),
}

impl Outages {
    fn set(&self, outage: Outage) {
        *self.down.lock().expect("outages") = outage;
    }

    /// Whether an exchange that began at `begun` and has just failed met an outage.
    pub(super) fn explain(&self, begun: Instant) -> bool {
        match *self.down.lock().expect("outages") {
            Outage::Never => false,
            Outage::Now => true,
            Outage::Until(end) => begun < end + AFTERMATH,
        }
    }
}

/// The troublemakers at work.
pub(super) struct Trouble {
    kills: JoinHandle<usize>,
    reloads: JoinHandle<usize>,
    weights: JoinHandle<usize>,
}

impl Trouble {
    pub(super) fn start(
        stagegate: &Arc<Stagegate>,
        setup: Setup,
        flaky: [Backend; 3],
        shared: &Arc<Shared>,
    ) -> Self {
        Self {
            kills: tokio::spawn(kill(flaky, Arc::clone(shared))),
            reloads: tokio::spawn(reload(Arc::clone(stagegate), setup, Arc::clone(shared))),
            weights: tokio::spawn(move_weights(Arc::clone(stagegate), Arc::clone(shared))),
        }
    }

    /// Whether one of them has given up, which is a failure.
    pub(super) fn ended(&self) -> bool {
        [&self.kills, &self.reloads, &self.weights].iter().any(|task| task.is_finished())
    }

    /// Waits for them, and says what they did.
    pub(super) async fn join(self) -> String {
        let kills = self.kills.await.expect("the killer");
        let reloads = self.reloads.await.expect("the reloader");
        let weights = self.weights.await.expect("the mover of weights");
        assert!(kills > 0 && reloads > 0 && weights > 0, "{kills} {reloads} {weights}");
        format!("{kills} backends killed, {reloads} reloads, {weights} weights moved")
    }
}

/// Kills one backend after the other, and starts it again.
async fn kill(backends: [Backend; 3], shared: Arc<Shared>) -> usize {
    let mut backends = backends.map(Some);
    let mut kills = 0;
    while !shared.stopped() {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let victim = &mut backends[kills % 3];
        let address = victim.as_ref().expect("it runs").address;
        shared.outages.set(Outage::Now);
        // Takes down its listener and every connection.
        drop(victim.take());
        tokio::time::sleep(AWAY).await;
        let backend = Backend::at(address, "again", answer);
        backend.count_only();
        *victim = Some(backend);
        shared.outages.set(Outage::Until(Instant::now()));
        kills += 1;
    }
    kills
}

/// Changes the file and has it taken over; every third one is bad and must be refused.
async fn reload(stagegate: Arc<Stagegate>, mut setup: Setup, shared: Arc<Shared>) -> usize {
    let mut reloads = 0;
    while !shared.stopped() {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let bad = reloads % 3 == 2;
        let total = if bad { "whenever" } else { ["30m", "40m"][reloads % 2] };
        setup.workload().set("timeouts", &format!("{{ pool_idle: 1s, total: {total} }}"));
        stagegate.rewrite(&setup);
        let answer = stagegate.admin.post("/v1/reload", json!({})).await;
        let refused = !(200..300).contains(&answer.status);
        assert_eq!(refused, bad, "{total}: {} {}", answer.status, answer.json);
        reloads += 1;
    }
    reloads
}

/// Moves the weights every second, and rolls back now and then.
async fn move_weights(stagegate: Arc<Stagegate>, shared: Arc<Shared>) -> usize {
    let mut moves = 0;
    let reason = "the soak moves it";
    while !shared.stopped() {
        for workload in ["agent", "flaky"] {
            let weight = format!("{}.{}%", moves * 37 % 100, moves % 10);
            let (line, body) = match moves % 7 {
                6 => ("POST", json!({ "reason": reason })),
                _ => ("PUT", json!({ "weight": weight, "reason": reason })),
            };
            let what = if line == "POST" { "rollback" } else { "weight" };
            let line = format!("{line} /v1/workloads/{workload}/{what}");
            stagegate.admin.call(&line, &[], Some(&body)).await.ok();
        }
        moves += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    moves
}
