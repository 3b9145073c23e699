//! Selects the exchanges of a workload that are copied.

use super::{Copied, Outlet};
use crate::quota::Quota;
use stagegate_rollout::Arm;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Says of an arm and a conversation or request id whether the exchange is copied.
pub type Picks = Arc<dyn Fn(Arm, &str) -> bool + Send + Sync>;

/// The selection of exchanges that are copied, and the limits of each copy.
#[derive(Clone)]
pub struct TapSettings {
    /// Decides if an exchange of this arm, with this conversation or request id, is copied. Runs on
    /// the request path: it must be quick and take no lock.
    pub picks: Picks,
    /// The highest rate of copied exchanges of each arm, by [`Arm::index`]. All exchanges above it
    /// are dropped, so that at any load copies cost a bounded part of a core.
    pub quotas: Arc<[Quota; 2]>,
    /// Most bytes that are kept of a request, and of an answer.
    pub per_message: usize,
    /// While it is set nothing is copied, and what would have been is counted as dropped.
    pub paused: Arc<AtomicBool>,
    /// The receiver of copies.
    pub outlet: Arc<Outlet>,
}

impl fmt::Debug for TapSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapSettings")
            .field("per_message", &self.per_message)
            .finish_non_exhaustive()
    }
}

impl TapSettings {
    /// A copy of one direction, still empty.
    pub(super) fn copied(&self) -> Copied {
        Copied::new(self.per_message, Arc::clone(self.outlet.room()))
    }
}
