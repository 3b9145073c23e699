//! Checked settings of what answers cost.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// The prices and the budget of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostSettings {
    /// The daily budget in nano-dollars, above zero; no budget if absent.
    pub daily_budget_nanos: Option<u64>,
    /// A price list's file, taken from the configuration's directory where it is relative; checked
    /// to be one. The built-in list when absent.
    pub prices: Option<PathBuf>,
    /// Tenants whose use is counted each on its own; at most 100.
    pub tenants: BTreeSet<Arc<str>>,
}
