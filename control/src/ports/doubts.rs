//! Port: the one who knows whether scorers can be believed.

use stagegate_rollout::Doubt;

/// Who knows whether a workload's scorers can be believed. Called while steering: must be quick, and
/// never wait for a disk.
pub trait DoubtSource: Send + Sync + 'static {
    /// Why what they say is not to be believed now, if it is not.
    fn doubt(&self, workload: &str) -> Option<Doubt>;
}
