//! Port: doubts about scorers.

use stagegate_rollout::Doubt;

/// Reports doubts about a workload's scorers. Called while steering, so it must be quick and must
/// never wait for a disk.
pub trait DoubtSource: Send + Sync + 'static {
    /// Returns the doubt about the workload's scorers, if there is one.
    fn doubt(&self, workload: &str) -> Option<Doubt>;
}
