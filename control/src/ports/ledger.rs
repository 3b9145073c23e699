//! Port: the ledger. Every change of state is one entry, and the ledger chains the entries by hash.
//!
//! An entry is a result: state after, audit entry, attachments. It is computed by the pure core
//! against the newest state and is never run again.

use super::BoxFuture;
use crate::StoreAccessError;
use stagegate_store::{NewChange, Recorded, Saved};

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
}
