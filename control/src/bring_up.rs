//! The remembered state under the configuration: recorded if that changed it.

use super::last_changes::last_changes;
use super::store_handle::StoreHandle;
use super::{
    Action, FlagState, Live, ReloadOrder, StartError, StoreAccessError, now_ms, reconcile, registry,
};
use crate::ports::Ledger;
use serde_json::json;
use stagegate_config::Config;
use stagegate_rollout::{WorkloadName, WorkloadState};
use stagegate_store::{Attachment, NewAudit, NewChange, Saved, SavedFlag};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a start is tried that other replicas of a fleet were faster than.
const RACES: usize = 8;

/// The parts of the first view that depend on what is remembered.
pub(super) struct First {
    pub(super) epoch: u64,
    pub(super) live: Vec<Live>,
    pub(super) dormant: BTreeMap<WorkloadName, WorkloadState>,
    pub(super) flags: Arc<BTreeMap<String, FlagState>>,
    pub(super) safe_start: Option<String>,
    pub(super) store_error: Option<String>,
    /// False if the ledger of a fleet did not answer: what is in force is this process's own copy.
    pub(super) is_recorded: bool,
}

/// As [`bring_up`]. Where another replica of a fleet was faster, its change is taken in first.
pub(super) async fn bring_up_in_turn(
    ledger: &Arc<dyn Ledger>,
    store: &StoreHandle,
    mut saved: Saved,
    config: &Config,
    action: Action,
) -> Result<First, StartError> {
    for _ in 0..RACES {
        match bring_up(ledger, store, &saved, config, action).await {
            Err(StartError::Store(StoreAccessError::Conflict { .. })) if ledger.is_shared() => {
                saved = ledger.latest().await?;
            }
            done => return done,
        }
    }
    bring_up(ledger, store, &saved, config, action).await
}

/// Brings the remembered state under the configuration and records the difference.
async fn bring_up(
    ledger: &Arc<dyn Ledger>,
    store: &StoreHandle,
    saved: &Saved,
    config: &Config,
    action: Action,
) -> Result<First, StartError> {
    let at_ms = now_ms();
    let by = ReloadOrder { actor: "config".to_owned(), ..ReloadOrder::default() };
    let done = reconcile::reconcile(config, saved.workloads.clone(), &by, at_ms)
        .map_err(StartError::Contradiction)?;
    let is_new = !done.changed.is_empty();
    let mut epoch = saved.epoch + u64::from(is_new);
    let names: Vec<String> = done.changed.iter().map(|(name, _)| name.to_string()).collect();
    let entry = NewAudit {
        at_ms,
        actor: "config".to_owned(),
        workload: None,
        action: action.label().to_owned(),
        reason: String::new(),
        summary: if done.notes.is_empty() {
            "state as before".to_owned()
        } else {
            done.notes.join("; ")
        },
        details: json!({ "version": env!("CARGO_PKG_VERSION"), "workloads": names }),
    };
    let change = NewChange {
        entry,
        states: done.changed,
        makes_a_plan: is_new,
        answer: None,
        attachments: vec![Attachment::Declared(registry::declared(config))],
    };
    let store_error = match ledger.append(saved.epoch, change).await {
        Ok(_) => None,
        Err(error @ StoreAccessError::Conflict { .. }) if ledger.is_shared() => {
            return Err(error.into());
        }
        // A full disk must not keep a known state from being served again.
        Err(error) if error.is_a_failure() && !is_new => {
            tracing::error!(%error, "cannot record the start");
            Some(error.to_string())
        }
        // A replica that cannot reach the fleet's ledger serves what it knows, with its candidates closed.
        Err(error) if error.is_broken() && ledger.is_shared() => {
            tracing::error!(%error, "the start is not recorded in the fleet's ledger yet");
            epoch = saved.epoch;
            Some(error.to_string())
        }
        Err(error) => return Err(error.into()),
    };
    let is_recorded = store_error.is_none() || !ledger.is_shared();
    let epochs = last_changes(store, config, epoch, 0).await?;
    let live = done.splits.into_iter().map(|split| {
        let epoch = epochs.get(split.spec().name.as_str()).copied().unwrap_or(epoch);
        Live { split, epoch }
    });
    Ok(First {
        epoch,
        live: live.collect(),
        dormant: done.dormant,
        flags: Arc::new(flags(saved).map_err(StoreAccessError::Store)?),
        safe_start: None,
        store_error,
        is_recorded,
    })
}

/// The flags that were changed at run time.
pub(super) fn flags(saved: &Saved) -> Result<BTreeMap<String, FlagState>, String> {
    let read = |(key, flag): (&String, &SavedFlag)| {
        let given = flag.state.as_deref().map(serde_json::from_str).transpose();
        let given = given.map_err(|error| format!("the stored state of flag `{key}`: {error}"))?;
        Ok((key.clone(), FlagState { given: given.unwrap_or_default(), epoch: flag.epoch }))
    };
    saved.flags.iter().map(read).collect()
}
