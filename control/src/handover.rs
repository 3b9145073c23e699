//! Giving the store to another process, and having it back when that one does not come up.
//!
//! Without the store, changes and steering stop; traffic continues under the plan in force. The
//! caller ends [`Control::steer`] before and starts it again after [`Control::resume`].

use super::bring_up::bring_up_in_turn;
use super::turn::WAIT;
use super::{Action, Control, PATIENCE, StartError, StoreAccessError, View, safe};
use crate::ports::Publication;
use stagegate_store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Control {
    /// Returns true if another process owns the store or is about to own it.
    #[must_use]
    pub fn is_handing_over(&self) -> bool {
        self.inner.handing_over.load(Ordering::Acquire)
    }

    /// Closes the store and releases its directory, after the change in progress. From here on
    /// changes are refused with [`StoreAccessError::HandingOver`].
    ///
    /// # Errors
    /// When something is in force that the store has not taken: the next process would not know of
    /// it. Nothing is closed then.
    pub async fn release(&self) -> Result<(), StoreAccessError> {
        let inner = &self.inner;
        let deadline = tokio::time::Instant::now() + WAIT;
        let _order = inner.right_to_write(None, deadline).await?;
        let status = self.store_status();
        if let (Some(_), Some(error)) = (&inner.store, status.last_error) {
            return Err(StoreAccessError::Store(format!(
                "{error}; what is in force may not be recorded, so this process stays"
            )));
        }
        {
            let desk = inner.desk();
            if !desk.unrecorded.is_empty() {
                return Err(inner.slow(None, true));
            }
            inner.handing_over.store(true, Ordering::Release);
        }
        if let Some(store) = inner.store.clone() {
            let closed = tokio::task::spawn_blocking(move || store.release()).await;
            closed
                .map_err(|error| StoreAccessError::Store(format!("its thread failed: {error}")))?;
        }
        Ok(())
    }

    /// Goes on with the store. The other process may have recorded something before it failed: what
    /// is in the store is brought under this process' configuration, as at a start.
    ///
    /// # Errors
    /// When the store cannot be read or refuses; the plan stays and changes are still refused.
    pub async fn resume(&self, store: Store) -> Result<(), StartError> {
        let inner = &self.inner;
        let _order = inner.order.lock().await;
        let (Some(handle), Some(ledger)) = (&inner.store, &inner.ledger) else {
            inner.handing_over.store(false, Ordering::Release);
            return Ok(());
        };
        handle.take_back(store);
        let view = Arc::clone(&inner.desk().recorded);
        if view.safe_start.is_none() {
            let saved = ledger.latest().await;
            let resumed = match saved {
                Ok(saved) => {
                    let resumed = Action::ProcessResume;
                    bring_up_in_turn(ledger, handle, saved, &view.config, resumed).await
                }
                Err(error) => Err(error.into()),
            };
            let first = match resumed {
                Ok(first) => first,
                Err(error) => {
                    handle.release();
                    return Err(error);
                }
            };
            let next = View {
                epoch: first.epoch.max(view.epoch),
                live: first.live,
                dormant: first.dormant,
                flags: first.flags,
                ..View::clone(&view)
            };
            let mut desk = inner.desk();
            desk.recorded = Arc::new(next);
            inner.put_flags(&desk);
            inner.put(&desk, None, None, true);
        }
        inner.handing_over.store(false, Ordering::Release);
        Ok(())
    }

    /// Closes every candidate of this process for good, without a record: from here on another one
    /// decides, and what this one still has to decide goes to stable. Answers when every worker
    /// follows, so that no rollback of the other process can be undone by a request that was here
    /// before. Says whether all did.
    pub async fn leave_to_stable(&self) -> bool {
        let inner = &self.inner;
        let view = {
            let _desk = inner.desk();
            let view = inner.view();
            inner.plane.publish(Publication {
                epoch: view.epoch,
                config: view.config.clone(),
                prepared: None,
                splits: safe::splits(&view.config, &view.states()),
                cut: None,
            });
            view
        };
        let Some(live) = view.live.first() else { return true };
        let name = live.split.spec().name.clone();
        let settled = inner.plane.settled(name, PATIENCE).await;
        settled.all_followed()
    }
}
