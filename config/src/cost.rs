//! Checked settings of what answers cost.

use stagegate_rollout::Zone;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// The prices and the budget of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostSettings {
    /// The daily budget in nano-dollars, above zero; no budget if absent.
    pub daily_budget_nanos: Option<u64>,
    /// The time zone in which the budget's day begins at midnight.
    pub time_zone: Zone,
    /// A price list's file, taken from the configuration's directory where it is relative; checked
    /// to be one. The built-in list when absent.
    pub prices: Option<PathBuf>,
    /// Tenants whose use is counted each on its own; at most 100.
    pub tenants: BTreeSet<Arc<str>>,
}
