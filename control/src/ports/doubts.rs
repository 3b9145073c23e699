//! Port: doubts about scorers.

use stagegate_rollout::Doubt;

/// Reports doubts about a workload's scorers. Called while steering, so it must be quick and must
/// never wait for a disk.
pub trait DoubtSource: Send + Sync + 'static {
    /// Returns the doubt about the workload's scorers, if there is one.
    fn doubt(&self, workload: &str) -> Option<Doubt>;

    /// When a scorer last gave a verdict on a response of the workload, in Unix milliseconds; none since
    /// the process started.
    fn scored_ms(&self, workload: &str) -> Option<u64> {
        let _ = workload;
        None
    }
}
