//! Recording a change: state, epoch, audit entry and answer in one transaction.

use super::{
    Attachment, AuditEntry, NewAudit, NewIdempotency, Store, StoreError, StoredResponse,
    attachment, idempotency, number, workload,
};
use rusqlite::{Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::{WorkloadName, WorkloadState};

/// A change to record: all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewChange {
    /// The audit entry.
    pub entry: NewAudit,
    /// States of workloads after the change.
    pub states: Vec<(WorkloadName, WorkloadState)>,
    /// True if it makes a new plan. A change with states always makes one.
    pub makes_a_plan: bool,
    /// The answer to keep under the caller's key, if there is one.
    pub answer: Option<NewIdempotency>,
    /// Rows that belong to the change.
    pub attachments: Vec<Attachment>,
}

impl NewChange {
    /// An audit entry without a change.
    #[must_use]
    pub const fn entry_only(entry: NewAudit) -> Self {
        Self {
            entry,
            states: Vec::new(),
            makes_a_plan: false,
            answer: None,
            attachments: Vec::new(),
        }
    }

    /// The epoch after the change, if `expected` is the one before it.
    #[must_use]
    pub const fn epoch_after(&self, expected: u64) -> u64 {
        expected.saturating_add(self.makes_a_plan as u64)
    }
}

/// The end of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest epoch.
    pub epoch: u64,
    /// Number of the last entry.
    pub entries: u64,
    /// Hash of the last entry; empty without any.
    pub hash: String,
}

/// The outcome of recording a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded under this entry.
    Now(AuditEntry),
    /// The key has an answer, so nothing was recorded.
    Before(StoredResponse),
}

impl Store {
    /// Records a change, durably and as a whole, if `expected` is the newest epoch and the key of
    /// its answer is not taken.
    ///
    /// # Errors
    /// When the newest epoch is another one, an attachment is refused or the disk refuses. Nothing
    /// changed then.
    pub fn record(&mut self, expected: u64, change: &NewChange) -> Result<Recorded, StoreError> {
        let NewChange { entry, states, answer, attachments, .. } = change;
        let epochs = (Some(expected), change.epoch_after(expected));
        self.write(entry, states, epochs, answer.as_ref(), attachments)
    }

    /// What [`Store::record`] would do. Nothing is written.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn rehearse(&mut self, expected: u64, change: &NewChange) -> Result<Recorded, StoreError> {
        let NewChange { entry, states, answer, attachments, .. } = change;
        let epochs = (Some(expected), change.epoch_after(expected));
        let rehearsing = StoreError::doing("rehearsing a change");
        self.presence.check().map_err(StoreError::Gone)?;
        // Dropped at the end, which rolls it back.
        let tried = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(rehearsing)?;
        if let Some(answer) = answer
            && let Some(kept) = idempotency::find(&tried, &answer.key, entry.at_ms)?
        {
            return Ok(Recorded::Before(kept));
        }
        in_transaction(&tried, entry, states, epochs, answer.as_ref(), attachments)
            .map(Recorded::Now)
    }

    /// Records a change that is in the fleet's ledger, as the entry that it is there. Messages are
    /// recorded only where the change is `own`: its author sends them.
    ///
    /// # Errors
    /// [`StoreError::Forked`] when the same change would be another entry here. Nothing changed then.
    pub fn follow(
        &mut self,
        expected: u64,
        change: &NewChange,
        hash: &str,
        own: bool,
    ) -> Result<AuditEntry, StoreError> {
        let NewChange { entry, states, answer, attachments, .. } = change;
        let epochs = (Some(expected), change.epoch_after(expected));
        let following = StoreError::doing("following a change");
        self.presence.check().map_err(StoreError::Gone)?;
        let followed =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(following)?;
        // The author has looked the key up, and sends the messages.
        let mine = |it: &&Attachment| own || !matches!(it, Attachment::Tell(_));
        let attachments: Vec<Attachment> = attachments.iter().filter(mine).cloned().collect();
        if let Some(answer) = answer {
            idempotency::forget(&followed, &answer.key)?;
        }
        let entry =
            in_transaction(&followed, entry, states, epochs, answer.as_ref(), &attachments)?;
        if entry.hash != hash {
            return Err(StoreError::Forked { seq: entry.seq });
        }
        followed.commit().map_err(following)?;
        self.witness();
        Ok(entry)
    }

    /// The end of the history.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.db
            .query_row("SELECT epoch, entries, hash FROM head", [], |row| {
                Ok(Head { epoch: row.get(0)?, entries: row.get(1)?, hash: row.get(2)? })
            })
            .map_err(StoreError::doing("reading the end of the history"))
    }

    /// Records a change, durably and as a whole.
    ///
    /// `states` are the workloads' states after it and `epoch` the number of its plan: one more
    /// than the last. A change without a new plan (a refusal, a failed login) has no states and the
    /// last epoch; a new plan without new states (a reload) is valid too. The releases that the
    /// states name are marked as used from now on.
    ///
    /// # Errors
    /// When the epoch does not follow, the idempotency key is taken or the disk refuses. Nothing
    /// changed then.
    pub fn commit(
        &mut self,
        entry: &NewAudit,
        states: &[(WorkloadName, WorkloadState)],
        epoch: u64,
        answer: Option<&NewIdempotency>,
    ) -> Result<AuditEntry, StoreError> {
        self.commit_with(entry, states, epoch, answer, &[])
    }

    /// As [`Store::commit`], with rows that belong to the change: all of it is recorded, or none.
    ///
    /// # Errors
    /// As [`Store::commit`], and when an attachment is refused (a used release that would change
    /// or go, an analysis that is not there).
    pub fn commit_with(
        &mut self,
        entry: &NewAudit,
        states: &[(WorkloadName, WorkloadState)],
        epoch: u64,
        answer: Option<&NewIdempotency>,
        attachments: &[Attachment],
    ) -> Result<AuditEntry, StoreError> {
        match self.write(entry, states, (None, epoch), answer, attachments)? {
            Recorded::Now(entry) => Ok(entry),
            Recorded::Before(_) => Err(StoreError::IdempotencyKeyTaken {
                key: answer.map(|it| it.key.clone()).unwrap_or_default(),
            }),
        }
    }

    fn write(
        &mut self,
        entry: &NewAudit,
        states: &[(WorkloadName, WorkloadState)],
        epochs: (Option<u64>, u64),
        answer: Option<&NewIdempotency>,
        attachments: &[Attachment],
    ) -> Result<Recorded, StoreError> {
        let recording = StoreError::doing("recording a change");
        self.presence.check().map_err(StoreError::Gone)?;
        let change =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(recording)?;
        if let Some(answer) = answer
            && let Some(kept) = idempotency::find(&change, &answer.key, entry.at_ms)?
        {
            return Ok(Recorded::Before(kept));
        }
        let entry = in_transaction(&change, entry, states, epochs, answer, attachments)?;
        change.commit().map_err(recording)?;
        self.witness();
        Ok(Recorded::Now(entry))
    }
}

/// Writes a change into an open transaction.
fn in_transaction(
    change: &Transaction<'_>,
    entry: &NewAudit,
    states: &[(WorkloadName, WorkloadState)],
    (expected, epoch): (Option<u64>, u64),
    answer: Option<&NewIdempotency>,
    attachments: &[Attachment],
) -> Result<AuditEntry, StoreError> {
    let recording = StoreError::doing("recording a change");
    let (last, seq, prev_hash) = change
        .query_row("SELECT epoch, entries, hash FROM head", [], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, String>(2)?))
        })
        .map_err(recording)?;
    let new_plan = last.checked_add(1) == Some(epoch);
    let same_plan = last == epoch && states.is_empty();
    // A plan without new states would otherwise pass for an entry under the newest epoch.
    let is_late = expected.is_some_and(|expected| expected != last);
    if is_late || (!new_plan && !same_plan) {
        return Err(StoreError::EpochGap { last, given: epoch });
    }
    let seq = seq + 1;
    let (declared, others): (Vec<_>, Vec<_>) =
        attachments.iter().partition(|it| matches!(it, Attachment::Declared(_)));
    // An unused release may change until a state names it.
    for attached in declared {
        attachment::write(change, attached, entry, (seq, epoch))?;
    }
    for (name, state) in states {
        workload::save_state(change, name, state, entry.at_ms)?;
    }
    for attached in others {
        attachment::write(change, attached, entry, (seq, epoch))?;
    }
    let entry = chained(entry, seq, (last, epoch), prev_hash);
    append(change, &entry)?;
    if let Some(answer) = answer {
        let response = number::filled(&answer.response, seq);
        idempotency::keep(change, &NewIdempotency { response, ..answer.clone() }, entry.at_ms)?;
    }
    Ok(entry)
}

fn append(change: &Transaction<'_>, entry: &AuditEntry) -> Result<(), StoreError> {
    let appending = StoreError::doing("appending to the audit log");
    let columns = AuditEntry::COLUMNS;
    let sql = format!(
        "INSERT INTO audit ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    let row = params![
        entry.seq,
        entry.at_ms,
        entry.actor,
        entry.workload,
        entry.action,
        entry.reason,
        entry.summary,
        entry.epoch_before,
        entry.epoch,
        entry.details,
        entry.prev_hash,
        entry.hash,
    ];
    change.prepare_cached(&sql).and_then(|mut sql| sql.execute(row)).map_err(appending)?;
    change
        .execute(
            "UPDATE head SET epoch = ?1, entries = ?2, hash = ?3",
            params![entry.epoch, entry.seq, entry.hash],
        )
        .map_err(appending)?;
    Ok(())
}

/// The entry with its place in the chain.
fn chained(
    new: &NewAudit,
    seq: u64,
    (epoch_before, epoch): (u64, u64),
    prev_hash: String,
) -> AuditEntry {
    let mut details = new.details.clone();
    number::fill(&mut details, seq);
    let mut entry = AuditEntry {
        seq,
        at_ms: new.at_ms,
        actor: new.actor.as_str().into(),
        workload: new.workload.as_deref().map(Into::into),
        action: new.action.clone(),
        reason: new.reason.clone(),
        summary: new.summary.clone(),
        epoch_before,
        epoch,
        details: details.to_string(),
        prev_hash,
        hash: String::new(),
    };
    entry.hash = entry.expected_hash();
    entry
}
