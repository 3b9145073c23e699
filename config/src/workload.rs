//! Checked settings of one workload.

use crate::{CostSettings, EvalSettings, Place, Release};
use stagegate_rollout::{Policy, ReleaseName, WorkloadSpec};
use stagegate_settings::{self as settings, UpstreamTls};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One agent workflow behind the proxy.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The rules of who gets which release, already checked.
    pub spec: Arc<WorkloadSpec>,
    /// The data plane's settings for its requests.
    pub settings: Arc<settings::Workload>,
    /// The policy of the workload's rollouts.
    pub policy: Arc<Policy>,
    /// Every release by name; the same names as in `spec.releases`.
    pub releases: BTreeMap<ReleaseName, Release>,
    /// TLS towards the endpoints of releases that say nothing of their own.
    pub upstream_tls: UpstreamTls,
    /// The prices and the budget.
    pub cost: CostSettings,
    /// The sampling and scoring of its responses.
    pub eval: EvalSettings,
    /// The place of the workload in the file.
    pub place: Place,
}

impl Workload {
    /// Returns true if both responses to a request that is copied to a shadow are scored.
    #[must_use]
    pub fn scores_pairs(&self) -> bool {
        let wanted = self.settings.shadow.as_ref().is_some_and(|shadow| shadow.score);
        wanted && !self.eval.scorers.is_empty()
    }

    /// Adds or replaces a release, for routing too.
    pub fn put_release(&mut self, name: ReleaseName, release: Release) {
        Arc::make_mut(&mut self.spec).releases.insert(name.clone());
        self.releases.insert(name, release);
    }

    /// Takes a release away, for routing too. The caller sees to it that nothing goes there.
    pub fn remove_release(&mut self, name: &ReleaseName) {
        Arc::make_mut(&mut self.spec).releases.remove(name);
        self.releases.remove(name);
    }
}
