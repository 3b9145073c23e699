//! Users who ask all the time, and remember what went wrong for them.

use crate::harness::{Wire, request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Connections that ask at the same time.
const CONNECTIONS: u64 = 8;
/// Pause between two requests of a connection: enough traffic for 1% of it to say something, and
/// little enough for a machine that does other things too.
const PAUSE: Duration = Duration::from_millis(2);

/// What the users saw.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    /// Bad answers that stable gave.
    stable_failed: AtomicU64,
    /// Answers of the proxy's own making, and connections it ended.
    proxy_failed: AtomicU64,
}

/// Running traffic; ends when dropped.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
    users: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Users who come in through `proxy`, and leave if they have no answer after `patience`.
    pub(crate) fn of(proxy: SocketAddr, patience: Duration) -> Self {
        let (stop, seen) = (Arc::<AtomicBool>::default(), Arc::<Seen>::default());
        let user = |number| User { number, proxy, patience };
        let users = (0..CONNECTIONS)
            .map(|number| tokio::spawn(ask(user(number), Arc::clone(&stop), Arc::clone(&seen))))
            .collect();
        Self { stop, seen, users }
    }

    /// Nobody.
    pub(crate) fn idle() -> Self {
        Self { stop: Arc::default(), seen: Arc::default(), users: Vec::new() }
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.seen.answered.load(Ordering::SeqCst)
    }

    /// Bad answers of stable, and of the proxy itself.
    pub(crate) fn failures(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        (of(&self.seen.stable_failed), of(&self.seen.proxy_failed))
    }

    /// Ends it and waits until every user has their last answer.
    pub(crate) async fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for user in std::mem::take(&mut self.users) {
            user.await.expect("a user");
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

struct User {
    number: u64,
    proxy: SocketAddr,
    patience: Duration,
}

async fn ask(user: User, stop: Arc<AtomicBool>, seen: Arc<Seen>) {
    let User { number, proxy, patience } = user;
    let mut wire: Option<Wire> = None;
    for round in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
        let connected = match wire.take() {
            Some(wire) => Some(wire),
            // A process that is being restarted has no listener for a moment.
            None => TcpStream::connect(proxy).await.ok().map(Wire::new),
        };
        let Some(mut connected) = connected else { continue };
        let user = format!("user-{number}-{round}");
        let tenant = format!("tenant-{}", round % 20);
        let text = request("GET /work", &[("x-user-id", &user), ("x-tenant-id", &tenant)]);
        if connected.try_send(&text).await.is_err() {
            continue;
        }
        let response = tokio::time::timeout(patience, connected.try_response("GET")).await;
        // Who has no patience left hangs up.
        let Ok(response) = response else { continue };
        let Ok(response) = response else {
            seen.proxy_failed.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        seen.answered.fetch_add(1, Ordering::SeqCst);
        if response.status() >= 500 {
            let count = match response.head.get("x-arm") {
                Some("stable") => &seen.stable_failed,
                Some(_) => continue,
                None => &seen.proxy_failed,
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
        wire = Some(connected);
    }
}
