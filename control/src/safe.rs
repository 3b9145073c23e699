//! Safe start: every workload as it is remembered, but without its candidate.

use stagegate_config::Config;
use stagegate_rollout::{Split, Weight, WorkloadName, WorkloadState};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Splits by which nothing reaches a candidate. A kill switch that was on stays on: it is an order
/// that was acknowledged.
pub(super) fn splits(
    config: &Config,
    known: &BTreeMap<WorkloadName, WorkloadState>,
) -> Vec<Arc<Split>> {
    config
        .workloads
        .iter()
        .map(|workload| {
            let spec = &workload.spec;
            let mut state =
                known.get(&spec.name).cloned().unwrap_or_else(|| WorkloadState::initial(spec));
            if !spec.releases.contains(&state.stable) {
                state.stable = spec.stable.clone();
            }
            state.candidate = None;
            state.weight = Weight::ZERO;
            state.cohorts.clear();
            state.closed = None;
            Arc::new(Split::new(Arc::clone(spec), Arc::new(state)).keeping_to_stable())
        })
        .collect()
}
