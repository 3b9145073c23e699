//! A fake agent whose behaviour is steered while it serves.

use crate::harness::{Backend, Exchange, free_address};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What the agent does with the requests that come from now on.
#[derive(Default)]
struct Behaviour {
    /// Milliseconds before the answer.
    slow_ms: AtomicU64,
    /// Status of the answer; 0 stands for 200.
    status: AtomicU32,
    /// One of so many requests fails, or hangs; 0 and 1 stand for all of them.
    one_of: AtomicU64,
    /// One tenant is refused.
    refuses: AtomicBool,
    /// Requests with the new prompt fail.
    bad_prompt: AtomicBool,
    /// Requests that ought to fail are not answered at all.
    hangs: AtomicBool,
    /// Requests so far.
    served: AtomicU64,
    /// Millionths of a dollar that an answer says it cost.
    cost_micros: AtomicU64,
}

impl Behaviour {
    /// Whether the next request is one of those that go wrong.
    fn goes_wrong(&self) -> bool {
        let number = self.served.fetch_add(1, Ordering::SeqCst);
        number.is_multiple_of(self.one_of.load(Ordering::SeqCst).max(1))
    }
}

/// A steered agent.
pub(crate) struct Agent {
    pub(crate) backend: Backend,
    behaviour: Arc<Behaviour>,
}

/// What an answer costs as long as nobody says otherwise, in millionths of a dollar.
const USUAL_COST: u64 = 1000;

impl Agent {
    /// An agent that answers at once, correctly and for a tenth of a cent.
    pub(crate) fn start(name: &str) -> Self {
        Self::at(free_address(), name)
    }

    /// The same at a given address.
    pub(crate) fn at(address: SocketAddr, name: &str) -> Self {
        let behaviour = Arc::new(Behaviour::default());
        behaviour.cost_micros.store(USUAL_COST, Ordering::SeqCst);
        let steered = Arc::clone(&behaviour);
        let backend = Backend::at(address, name, async move |exchange: &mut Exchange| {
            serve(exchange, &steered).await;
        });
        backend.count_only();
        Self { backend, behaviour }
    }

    /// Requests so far, health checks not counted.
    pub(crate) fn served(&self) -> u64 {
        self.behaviour.served.load(Ordering::SeqCst)
    }

    /// From now on it takes its time.
    pub(crate) fn turn_slow(&self) {
        self.behaviour.slow_ms.store(400, Ordering::SeqCst);
    }

    /// From now on it fails in the class that blames the release.
    pub(crate) fn turn_wrong(&self) {
        self.behaviour.status.store(500, Ordering::SeqCst);
    }

    /// From now on one of so many requests fails in that class.
    pub(crate) fn turn_wrong_once_in(&self, requests: u64) {
        self.behaviour.one_of.store(requests, Ordering::SeqCst);
        self.turn_wrong();
    }

    /// From now on it fails with the new prompt, which a flag chooses.
    pub(crate) fn spoil_the_new_prompt(&self) {
        self.behaviour.bad_prompt.store(true, Ordering::SeqCst);
    }

    /// From now on it refuses one tenant of twenty.
    pub(crate) fn refuse_a_tenant(&self) {
        self.behaviour.refuses.store(true, Ordering::SeqCst);
    }

    /// From now on one of so many requests gets no answer.
    pub(crate) fn hang_once_in(&self, requests: u64) {
        self.behaviour.one_of.store(requests, Ordering::SeqCst);
        self.behaviour.hangs.store(true, Ordering::SeqCst);
    }

    /// From now on the provider behind it is out.
    pub(crate) fn lose_its_provider(&self) {
        self.behaviour.status.store(502, Ordering::SeqCst);
    }

    /// From now on every answer costs five times as much.
    pub(crate) fn turn_expensive(&self) {
        self.behaviour.cost_micros.store(5 * USUAL_COST, Ordering::SeqCst);
    }

    /// All is well again.
    pub(crate) fn recover(&self) {
        self.behaviour.slow_ms.store(0, Ordering::SeqCst);
        self.behaviour.status.store(0, Ordering::SeqCst);
        self.behaviour.one_of.store(0, Ordering::SeqCst);
        self.behaviour.hangs.store(false, Ordering::SeqCst);
        self.behaviour.refuses.store(false, Ordering::SeqCst);
        self.behaviour.cost_micros.store(USUAL_COST, Ordering::SeqCst);
    }
}

async fn serve(exchange: &mut Exchange, behaviour: &Behaviour) {
    exchange.body().await;
    // Health checks are answered as ever: what goes wrong here is the work, not the machine.
    if exchange.request.target() == "/healthz" {
        return exchange.reply("200 OK", &[], b"").await;
    }
    match behaviour.slow_ms.load(Ordering::SeqCst) {
        0 => {}
        slow => tokio::time::sleep(Duration::from_millis(slow)).await,
    }
    let wrong = behaviour.goes_wrong();
    if wrong && behaviour.hangs.load(Ordering::SeqCst) {
        return std::future::pending().await;
    }
    let is_refused = behaviour.refuses.load(Ordering::SeqCst)
        && exchange.request.get("x-tenant-id") == Some("tenant-3");
    let flags = exchange.request.get("stagegate-flags").unwrap_or_default();
    let is_spoilt =
        behaviour.bad_prompt.load(Ordering::SeqCst) && flags.contains("new-prompt=on;by=release");
    let status = match behaviour.status.load(Ordering::SeqCst) {
        _ if is_spoilt => "500 Internal Server Error",
        _ if is_refused => "422 Unprocessable Content",
        _ if !wrong => "200 OK",
        500 => "500 Internal Server Error",
        502 => "502 Bad Gateway",
        _ => "200 OK",
    };
    let cost = behaviour.cost_micros.load(Ordering::SeqCst);
    let cost = format!("{}.{:06}", cost / 1_000_000, cost % 1_000_000);
    let fields = [("content-type", "text/plain"), ("agent-cost-usd", cost.as_str())];
    exchange.reply(status, &fields, b"done").await;
}
