//! State that all workers share: the plan in force, and memory that must not depend on the worker.

use crate::fence::Fence;
use crate::handover::HandoverSink;
use crate::lease::Budget;
use crate::pins::Pins;
use crate::plan::Plan;
use crate::queued::QueueSink;
use crate::roster::Roster;
use crate::shadow_copy::Shadow;
use crate::stats::Report;
use arc_swap::{ArcSwap, ArcSwapOption};
use stagegate_flags::FlagSet;
use stagegate_sealed::ProofKey;
use stagegate_settings::Clients;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// Receives every worker's reports, on the worker's thread: it must not block.
pub type Sink = Arc<dyn Fn(Report) + Send + Sync>;

/// State that all workers share.
pub(crate) struct Shared {
    pub(crate) settings: ArcSwap<Clients>,
    pub(crate) plan: ArcSwap<Plan>,
    /// When candidates close by themselves.
    pub(crate) fence: Fence,
    /// Flags for the next plans.
    pub(crate) flags: ArcSwap<FlagSet>,
    /// The key of the proofs that backends get of their requests; none where nobody asks for them.
    pub(crate) proofs: ArcSwapOption<ProofKey>,
    /// Counts publications; a worker that has not seen the latest fetches the plan.
    pub(crate) published: AtomicU64,
    pub(crate) pins: Pins,
    pub(crate) sink: Sink,
    /// This proxy's name in `Via`, unlike any other's.
    pub(crate) via: Arc<str>,
    pub(crate) seed: u64,
    /// The receiver of client connections when this process leaves; set once, when it does.
    pub(crate) handover: OnceLock<HandoverSink>,
    /// Keeps requests of killed workloads; set once, where there is a queue.
    pub(crate) queue: OnceLock<QueueSink>,
    /// The way of copied requests to the thread that sends them.
    pub(crate) shadows: mpsc::Sender<Box<Shadow>>,
    /// Client connections by worker, for handing out and for the limit.
    pub(crate) workers: Roster,
    /// Requests under way, for their limit.
    pub(crate) requests: Arc<Budget>,
}
