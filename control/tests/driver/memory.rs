//! Ledgers that keep no file.

use stagegate_control::StoreAccessError;
use stagegate_control::ports::{BoxFuture, Epoch, Ledger};
use stagegate_store::{AuditEntry, NewChange, Recorded, Saved, StoredResponse};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// A ledger in memory. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Inner>);

struct Inner {
    kept: Mutex<Kept>,
    newest: watch::Sender<Epoch>,
    asleep: watch::Sender<bool>,
}

#[derive(Default)]
struct Kept {
    saved: Saved,
    changes: Vec<NewChange>,
    /// The error that it returns instead of recording anything.
    down: Option<String>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let (newest, _) = watch::channel(0);
        let (asleep, _) = watch::channel(false);
        Self(Arc::new(Inner { kept: Mutex::default(), newest, asleep }))
    }

    /// Refuses everything from now on, or works again.
    pub(crate) fn break_down(&self, why: Option<&str>) {
        self.0.kept.lock().unwrap().down = why.map(str::to_owned);
    }

    /// Answers nothing from now on, or wakes up and does what was asked meanwhile.
    pub(crate) fn hang(&self, hangs: bool) {
        self.0.asleep.send_replace(hangs);
    }

    /// Every change that was recorded.
    pub(crate) fn changes(&self) -> Vec<NewChange> {
        self.0.kept.lock().unwrap().changes.clone()
    }

    /// Waits until what was recorded is as `wanted` says.
    pub(crate) async fn until(&self, wanted: impl Fn(&[NewChange]) -> bool) {
        let mut newest = self.0.newest.subscribe();
        let recorded = newest.wait_for(|_| wanted(&self.0.kept.lock().unwrap().changes));
        let recorded = tokio::time::timeout(Duration::from_secs(60), recorded).await;
        assert!(recorded.is_ok(), "never recorded: {:?}", self.changes());
    }

    fn record(&self, expected: Epoch, change: NewChange) -> Result<Recorded, StoreAccessError> {
        let mut kept = self.0.kept.lock().unwrap();
        if let Some(why) = &kept.down {
            return Err(StoreAccessError::Store(why.clone()));
        }
        let answers = kept.changes.iter().filter_map(|it| it.answer.as_ref());
        let wanted = change.answer.as_ref().map(|it| &it.key);
        if let Some(before) = answers.clone().find(|it| Some(&it.key) == wanted) {
            return Ok(Recorded::Before(StoredResponse {
                actor: before.actor.clone(),
                fingerprint: before.fingerprint.clone(),
                response: before.response.clone(),
            }));
        }
        let latest = kept.saved.epoch;
        if expected != latest {
            return Err(StoreAccessError::Conflict { expected, latest });
        }
        let epoch = change.epoch_after(expected);
        kept.saved.epoch = epoch;
        kept.saved.workloads.extend(change.states.iter().cloned());
        let entry = AuditEntry {
            seq: kept.changes.len() as u64 + 1,
            at_ms: change.entry.at_ms,
            actor: change.entry.actor.as_str().into(),
            workload: change.entry.workload.as_deref().map(Into::into),
            action: change.entry.action.clone(),
            reason: change.entry.reason.clone(),
            summary: change.entry.summary.clone(),
            epoch_before: expected,
            epoch,
            details: change.entry.details.to_string(),
            prev_hash: String::new(),
            hash: String::new(),
        };
        kept.changes.push(change);
        drop(kept);
        self.0.newest.send_replace(epoch);
        Ok(Recorded::Now(entry))
    }
}

impl Ledger for Memory {
    fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let ledger = self.clone();
        let mut asleep = self.0.asleep.subscribe();
        Box::pin(async move {
            let _ = asleep.wait_for(|asleep| !asleep).await;
            ledger.record(expected, change)
        })
    }

    fn latest(&self) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        let saved = self.0.kept.lock().unwrap().saved.clone();
        Box::pin(async move { Ok(saved) })
    }

    fn follow(&self, from: Epoch) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        let ledger = self.clone();
        let mut newest = self.0.newest.subscribe();
        Box::pin(async move {
            let _ = newest.wait_for(|epoch| *epoch > from).await;
            ledger.latest().await
        })
    }
}
