//! Looks for the store's files: a directory that is taken away under a running process is noticed
//! before the next change.

use super::Inner;
use super::store_handle::StoreHandle;
use crate::ports::Event;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Inner {
    /// Looks for the files for as long as the driver lives. Says once when they are gone, and once
    /// when they are back.
    pub(super) fn keep_looking_for_files(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut was_gone = false;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(inner) = weak.upgrade() else { return };
                if inner.handing_over.load(Ordering::Acquire) {
                    continue;
                }
                let gone = inner.store.as_ref().and_then(StoreHandle::missing);
                match &gone {
                    Some(why) if !was_gone => {
                        tracing::error!(why, "changes are refused; rollbacks stay possible");
                        inner.observer.on(&Event::StoreFailed);
                    }
                    None if was_gone => tracing::info!("the files of data_dir are back"),
                    _ => {}
                }
                was_gone = gone.is_some();
            }
        });
    }
}
