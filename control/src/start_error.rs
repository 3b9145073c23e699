//! The reasons why the driver does not start.

use super::StoreAccessError;
use crate::ports::PrepareError;
use stagegate_rollout::WorkloadName;

/// The reason why the driver does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The admin listener would be open to everyone.
    #[error(
        "admin.address: `{0}` is not a loopback address and no token is configured; add admin.tokens or listen on 127.0.0.1"
    )]
    OpenAdmin(std::net::SocketAddr),
    /// The remembered state cannot be read, and a candidate may have been closed in it.
    #[error(
        "the remembered state cannot be read ({why}), and workload {workload} has a candidate: repair or restore data_dir, or start with --safe-start to send everything to stable"
    )]
    UnreadableStore {
        /// A workload with a candidate.
        workload: WorkloadName,
        /// The problem.
        why: String,
    },
    /// The file of changes in force that were not recorded is damaged.
    #[error(
        "the changes that were in force and not recorded cannot be read ({0}): a candidate may have been taken out in them; repair or remove the file, or start with --safe-start to send everything to stable"
    )]
    DamagedUnrecorded(String),
    /// The data directory cannot be locked.
    #[error("data_dir: {0}")]
    InUse(String),
    /// Configuration and remembered state contradict each other.
    #[error("the configuration does not fit the remembered state: {}", .0.join("; "))]
    Contradiction(Vec<String>),
    /// The data plane cannot serve the configuration.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreAccessError),
}
