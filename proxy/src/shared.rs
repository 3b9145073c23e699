//! What all workers share: the plan in force, and memory that must not depend on the worker.

use crate::heir::Heir;
use crate::pins::Pins;
use crate::plan::Plan;
use crate::shadow_copy::Shadow;
use crate::stats::Report;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Settings of the data plane that hold for all workloads. New ones hold from the next connection,
/// request or step on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Largest request head in bytes.
    pub header_bytes: usize,
    /// Most fields in a head.
    pub headers: usize,
    /// Time for a request head to arrive.
    pub header_timeout: Duration,
    /// Time a client connection may be unused.
    pub keep_alive: Duration,
    /// Time without any byte of a request body.
    pub body_idle: Duration,
    /// Most client connections.
    pub connections: usize,
    /// Most requests at a time, over all workers.
    pub in_flight: Option<usize>,
    /// Peers whose forwarding fields are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What happens to a client's own forwarding fields.
    pub forwarded: Forwarded,
}

/// What happens to a client's own `X-Forwarded-*` and `Forwarded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Kept and appended to from trusted peers, dropped from others.
    #[default]
    Trusted,
    /// Always kept and appended to.
    Append,
    /// Always dropped.
    Drop,
}

impl Settings {
    /// Whether forwarding fields from `peer` are kept; `None` is a peer on a Unix socket, whom the
    /// file's permissions vouch for.
    pub(crate) fn keeps_forwarded(&self, peer: Option<std::net::IpAddr>) -> bool {
        match self.forwarded {
            Forwarded::Append => true,
            Forwarded::Drop => false,
            Forwarded::Trusted => peer.is_none_or(|peer| self.trusts(peer)),
        }
    }

    /// Whether `peer` is one of the trusted proxies.
    pub(crate) fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer.to_canonical()))
    }
}

/// Receives every worker's reports, on the worker's thread: it must not block.
pub type Sink = Arc<dyn Fn(Report) + Send + Sync>;

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) plan: ArcSwap<Plan>,
    /// Counts publications; a worker that has not seen the latest fetches the plan.
    pub(crate) published: AtomicU64,
    pub(crate) pins: Pins,
    pub(crate) sink: Sink,
    /// This proxy's name in `Via`, unlike any other's.
    pub(crate) via: Arc<str>,
    pub(crate) seed: u64,
    /// Who goes on with client connections when this process leaves; set once, when it does.
    pub(crate) heir: OnceLock<Heir>,
    /// The way of copied requests to the thread that sends them.
    pub(crate) shadows: mpsc::Sender<Box<Shadow>>,
    /// Client connections by worker, for handing out and for the limit.
    pub(crate) live: Vec<AtomicUsize>,
}
