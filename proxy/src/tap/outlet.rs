//! The outlet of copies from the data plane to scoring, and its drop counts.

use super::Tapped;
use super::room::Room;
use crate::wanted::{Wanted, WantedOf};
use arc_swap::ArcSwapOption;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

/// The reason why a selected exchange was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapDrop {
    /// More than are wanted a second were picked.
    Rate,
    /// All copies together would have been too large.
    Memory,
    /// Scoring is behind.
    Queue,
    /// Scoring has ended.
    Shutdown,
    /// Judging may not cost more today.
    Budget,
}

impl TapDrop {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Rate, Self::Memory, Self::Queue, Self::Shutdown, Self::Budget];

    /// The word used in labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Memory => "memory",
            Self::Queue => "queue",
            Self::Shutdown => "shutdown",
            Self::Budget => "budget",
        }
    }
}

/// The outlet of copies to scoring: one for all workers.
pub struct Outlet {
    room: Arc<Room>,
    dropped: [AtomicU64; TapDrop::ALL.len()],
    /// By workload. Looked up where a configuration is prepared, never for a request.
    pauses: Mutex<HashMap<String, Arc<AtomicBool>>>,
    /// Taken away to close.
    sender: ArcSwapOption<SyncSender<Box<Tapped>>>,
    wanted: WantedOf,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Outlet {
    /// An outlet into a channel; all copies together take at most `capacity` bytes.
    #[must_use]
    pub fn new(sender: SyncSender<Box<Tapped>>, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Room::new(capacity)),
            dropped: Default::default(),
            pauses: Mutex::default(),
            sender: ArcSwapOption::from_pointee(sender),
            wanted: WantedOf::default(),
        })
    }

    /// Returns the samples still wanted of a workload; the same value for every plan.
    pub fn wanted(&self, workload: &str) -> Arc<Wanted> {
        self.wanted.workload(workload)
    }

    /// Changes how much all copies together may take.
    pub fn set_capacity(&self, bytes: usize) {
        self.room.set_capacity(bytes);
    }

    /// Set while nothing of the workload is to be copied: one for all configurations.
    #[must_use]
    pub fn pause(&self, workload: &str) -> Arc<AtomicBool> {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pauses.entry(workload.to_owned()).or_default())
    }

    /// Pauses exactly these workloads.
    pub fn pause_only(&self, workloads: &[String]) {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        for (workload, paused) in &*pauses {
            paused.store(workloads.contains(workload), Ordering::Relaxed);
        }
    }

    /// Takes nothing more, so that the receiver comes to an end.
    pub fn close(&self) {
        self.sender.store(None);
    }

    /// Returns the dropped copies so far, by [`TapDrop::ALL`].
    #[must_use]
    pub fn dropped(&self) -> [u64; TapDrop::ALL.len()] {
        std::array::from_fn(|at| self.dropped[at].load(Ordering::Relaxed))
    }

    /// Bytes that all copies take now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.room.used()
    }

    /// The memory that copies take.
    pub(super) const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    pub(super) fn count(&self, why: TapDrop) {
        self.dropped[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Hands a copy over, or drops and counts it.
    pub(super) fn offer(&self, tapped: Box<Tapped>) {
        match self.sender.load().as_ref().map(|sender| sender.try_send(tapped)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => self.count(TapDrop::Queue),
            Some(Err(TrySendError::Disconnected(_))) | None => self.count(TapDrop::Shutdown),
        }
    }
}
