//! The epoch of each workload's last change, read back from the audit.

use crate::store_handle::StoreHandle;
use crate::{Action, StoreAccessError};
use stagegate_config::Config;
use stagegate_store::{AuditEntry, AuditFilter};
use std::collections::BTreeMap;

/// Number of audit entries that are searched for the workloads' last changes.
const SEARCHED: usize = 10_000;

/// Epoch of each workload's last change, from the audit, so that an `ETag` outlives a restart. A
/// workload that is not found keeps the plan's epoch: its old tags are refused, which is safe. Only
/// changes after the epoch `since` are looked for.
pub(crate) async fn last_changes(
    store: &StoreHandle,
    config: &Config,
    epoch: u64,
    since: u64,
) -> Result<BTreeMap<String, u64>, StoreAccessError> {
    let mut wanted: Vec<String> =
        config.workloads.iter().map(|it| it.spec.name.to_string()).collect();
    store
        .with(move |store| {
            let mut found = BTreeMap::new();
            let mut filter = AuditFilter::default();
            let mut searched = 0;
            while !wanted.is_empty() && searched < SEARCHED {
                let page = store.audit(&filter, if since > 0 { 20 } else { 500 })?;
                let Some(last) = page.last() else { break };
                filter.before_seq = Some(last.seq);
                searched += page.len();
                let is_the_end = last.epoch <= since;
                let newer = |it: &&AuditEntry| it.epoch > it.epoch_before && it.epoch > since;
                for entry in page.iter().filter(newer) {
                    wanted.retain(|name| {
                        let touched = touches(entry, name);
                        if touched {
                            found.insert(name.clone(), entry.epoch.min(epoch));
                        }
                        !touched
                    });
                }
                if is_the_end {
                    break;
                }
            }
            Ok(found)
        })
        .await
}

/// Returns true if an entry that made a new plan changed this workload.
fn touches(entry: &AuditEntry, name: &str) -> bool {
    // A drill makes plans, and changes nothing that a person could rely on.
    if entry.action == Action::Drill.label() {
        return false;
    }
    if let Some(workload) = &entry.workload {
        return **workload == *name;
    }
    // Starts and reloads list the workloads they changed.
    let details: serde_json::Value = serde_json::from_str(&entry.details).unwrap_or_default();
    details["workloads"].as_array().is_some_and(|names| names.iter().any(|it| it == name))
}
