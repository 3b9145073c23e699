//! Carries out verdicts, each in its own task, so that the steering loop waits for none of them.

use super::Inner;
use stagegate_rollout::{Action, Analysis, WorkloadName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long the end of the loop waits for running tasks.
const END: Duration = Duration::from_secs(3);

/// Tasks in progress: at most one rollback and one record for each workload.
#[derive(Debug, Default)]
pub(super) struct Acts {
    rollbacks: BTreeMap<WorkloadName, JoinHandle<()>>,
    records: BTreeMap<WorkloadName, JoinHandle<()>>,
}

impl Acts {
    /// Begins what follows from `analysis`; usually nothing. A rollback waits for no record. `right` is
    /// that to act by itself; a rollout is completed only if the evidence `is_whole`.
    pub(super) fn follow(
        &mut self,
        inner: &Arc<Inner>,
        workload: &WorkloadName,
        analysis: Arc<Analysis>,
        counted: Option<Instant>,
        (right, is_whole): (Option<u64>, bool),
    ) {
        self.rollbacks.retain(|_, task| !task.is_finished());
        self.records.retain(|_, task| !task.is_finished());
        let Some(action) = inner.asks_for(workload, &analysis) else { return };
        if action == Action::Complete && !is_whole {
            return;
        }
        let (inner, name) = (Arc::clone(inner), workload.clone());
        if action == Action::Rollback {
            let begin = || tokio::spawn(inner.roll_back(name, analysis, counted, right));
            self.rollbacks.entry(workload.clone()).or_insert_with(begin);
        } else {
            let begin = || tokio::spawn(inner.apply_analysis(name, analysis, counted, right));
            self.records.entry(workload.clone()).or_insert_with(begin);
        }
    }

    /// Waits for what is in progress, but not for long.
    pub(super) async fn end(self) {
        let all = async {
            for task in self.rollbacks.into_values().chain(self.records.into_values()) {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(END, all).await.is_err() {
            tracing::warn!(
                "steering stopped before all its tasks ended: the state store does not answer"
            );
        }
    }
}
