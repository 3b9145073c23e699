//! Port: the ledger. Every change of state is one entry, and the ledger chains the entries by hash.
//!
//! An entry is a result: state after, audit entry, attachments. It is computed by the pure core
//! against the newest state and is never run again.

use super::BoxFuture;
use crate::StoreAccessError;
use stagegate_store::{AuditEntry, Head, NewChange, Recorded, Saved};

/// Number of a plan. Every change that requests are decided by makes the next one.
pub type Epoch = u64;

/// Records changes, one after the other.
pub trait Ledger: Send + Sync + 'static {
    /// Records a change as a whole if `expected` is the newest epoch; its own epoch is
    /// [`NewChange::epoch_after`]. The number of the audit entry is filled in where the change
    /// leaves it open. A change whose idempotency key has an answer is not recorded: the result
    /// is that answer.
    ///
    /// # Errors
    /// [`StoreAccessError::Conflict`] when a newer epoch was recorded in between, other errors when
    /// the change is refused or the ledger cannot be written. Nothing is recorded then.
    fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>>;

    /// As [`Ledger::append`], for a change that the steering replica of a fleet makes by itself in `term`.
    /// It is not tried again when another replica was faster: what it rests on may be old.
    ///
    /// # Errors
    /// As [`Ledger::append`], and [`StoreAccessError::NotSteering`] when this replica does not steer in
    /// that term any more.
    fn append_in_term(
        &self,
        expected: Epoch,
        term: u64,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let _ = term;
        self.append(expected, change)
    }

    /// The newest epoch and the state of every workload.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn latest(&self) -> BoxFuture<'static, Result<Saved, StoreAccessError>>;

    /// Resolves with the newest state as soon as the ledger has an epoch above `from`. Epochs in
    /// between may be left out.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn follow(&self, from: Epoch) -> BoxFuture<'static, Result<Saved, StoreAccessError>>;

    /// Returns true if other processes write into it too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Resolves when it takes changes, or when waiting longer makes no sense.
    fn ready(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// The ledger in the store of this process: all of it for a process on its own, a copy in a fleet.
pub trait LocalLedger: Ledger {
    /// The end of the history.
    ///
    /// # Errors
    /// When it cannot be read.
    fn head(&self) -> BoxFuture<'static, Result<Head, StoreAccessError>>;

    /// What [`Ledger::append`] would do. Nothing is recorded.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    fn rehearse(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>>;

    /// Records a change that is in the fleet's ledger as the entry with this hash. The messages of a
    /// change are recorded only where it is `own`: one replica sends them.
    ///
    /// # Errors
    /// When it does not follow the history, or cannot be written.
    fn take(
        &self,
        expected: Epoch,
        change: NewChange,
        hash: String,
        own: bool,
    ) -> BoxFuture<'static, Result<AuditEntry, StoreAccessError>>;

    /// Hash of the entry with this number, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn hash_of(&self, number: u64) -> BoxFuture<'static, Result<Option<String>, StoreAccessError>>;
}
