//! The view in force: one immutable value that readers share.

use super::ReloadStatus;
use stagegate_config::Config;
use stagegate_flags::{Overlay, Override};
use stagegate_rollout::{Policy, Split, WorkloadName, WorkloadState};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A published plan and what it was made from.
#[derive(Clone, Debug)]
pub struct View {
    /// Epoch of the plan.
    pub epoch: u64,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// One for each workload, in the order of the configuration.
    pub live: Vec<Live>,
    /// State of workloads the configuration no longer has.
    pub dormant: BTreeMap<WorkloadName, WorkloadState>,
    /// Flags that were changed at run time, by key.
    pub flags: Arc<BTreeMap<String, FlagState>>,
    /// The status of the last reload.
    pub reload: ReloadStatus,
    /// Warnings about the configuration in force.
    pub warnings: Vec<stagegate_config::Problem>,
    /// The reason for a safe start, in which everything goes to stable and nothing can be changed.
    pub safe_start: Option<String>,
}

/// A flag that was changed at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagState {
    /// What is different about it; nothing if it is as its file says again.
    pub given: Override,
    /// Epoch of its last change.
    pub epoch: u64,
}

/// A workload in force.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its routing.
    pub split: Arc<Split>,
    /// Epoch of its last change.
    pub epoch: u64,
}

impl View {
    /// The changes of flags in force.
    #[must_use]
    pub fn overlay(&self) -> Arc<Overlay> {
        let changed = self.flags.iter().filter(|(_, state)| !state.given.is_empty());
        Arc::new(changed.map(|(key, state)| (key.clone(), state.given.clone())).collect())
    }

    /// Epoch of the last change of a flag at run time; 0 if there was none.
    #[must_use]
    pub fn epoch_of_flag(&self, key: &str) -> u64 {
        self.flags.get(key).map_or(0, |state| state.epoch)
    }

    /// True for a tenant in an exclusion group that is not opted in: of a workload, or of any if none
    /// is named.
    #[must_use]
    pub fn excludes(&self, workload: Option<&str>, tenant: &str) -> bool {
        let asked =
            |live: &&Live| workload.is_none_or(|name| live.split.spec().name.as_str() == name);
        self.live
            .iter()
            .filter(asked)
            .any(|live| live.split.state().excluding_group(live.split.spec(), tenant).is_some())
    }

    /// True if any workload has an exclusion group.
    #[must_use]
    pub fn has_exclusions(&self) -> bool {
        self.live.iter().any(|live| live.split.state().excludes(live.split.spec()))
    }

    /// The workload of this name and its place in the configuration.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(usize, &Live)> {
        self.live.iter().enumerate().find(|(_, live)| live.split.spec().name.as_str() == name)
    }

    /// The newest number in it: that of the plan, or the one that is expected for the record of a
    /// change in force.
    pub(super) fn newest(&self) -> u64 {
        let flags = self.flags.values().map(|flag| flag.epoch);
        self.live.iter().map(|live| live.epoch).chain(flags).fold(self.epoch, u64::max)
    }

    /// The splits in the order of the configuration.
    #[must_use]
    pub fn splits(&self) -> Vec<Arc<Split>> {
        self.live.iter().map(|live| Arc::clone(&live.split)).collect()
    }

    /// Names of all workloads, for people who mistyped one.
    #[must_use]
    pub fn known(&self) -> String {
        let names: Vec<&str> =
            self.live.iter().map(|live| live.split.spec().name.as_str()).collect();
        names.join(", ")
    }

    /// The policy of this name, or the workload's own without a name.
    ///
    /// # Errors
    /// The names there are, when this is none of them.
    pub fn policy(&self, workload: &str, name: Option<&str>) -> Result<Arc<Policy>, String> {
        let policies = &self.config.policies;
        let found = match name {
            Some(name) => policies.get(name),
            // An unknown workload is refused elsewhere.
            None => self
                .config
                .workload(workload)
                .map(|it| &it.policy)
                .or_else(|| policies.values().next()),
        };
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = policies.keys().map(|name| &**name).collect();
            known.join(", ")
        })
    }

    /// Every state that is remembered, of live and dormant workloads.
    pub(super) fn states(&self) -> BTreeMap<WorkloadName, WorkloadState> {
        let mut states = self.dormant.clone();
        for live in &self.live {
            let (spec, state) = (live.split.spec(), live.split.state());
            states.insert(spec.name.clone(), WorkloadState::clone(state));
        }
        states
    }
}
