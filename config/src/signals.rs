//! Checked settings of what answers are asked for.

use stagegate_rollout::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// How answers end, where the defaults do not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Classes by HTTP status.
    pub status: BTreeMap<u16, Outcome>,
    /// Classes by error code or type, as bodies name it; goes before the status.
    pub codes: BTreeMap<String, Outcome>,
    /// Where the provider of the model stands.
    pub provider: ProviderPlace,
}

/// Where the provider of the model stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderPlace {
    /// Behind the agent.
    #[default]
    Behind,
    /// The backend is the provider.
    Backend,
}

impl ProviderPlace {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Backend => "backend",
        }
    }
}

/// What answers cost and what may be spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostSettings {
    /// What may be spent in a day, in nano-dollars, above zero; no budget when absent.
    pub daily_budget_nanos: Option<u64>,
    /// A price list's file, taken from the configuration's directory where it is relative; checked
    /// to be one. The built-in list when absent.
    pub prices: Option<PathBuf>,
    /// Tenants whose use is counted each on its own; at most 100.
    pub tenants: BTreeSet<Arc<str>>,
}
