//! Deadlines without timers: one coarse clock a worker, one cell a connection.
//!
//! Setting a deadline is a store. A ticker looks over all connections every [`TICK_MS`] and wakes
//! those whose time is up, so a deadline fires at most two ticks late, never early.

use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// Milliseconds between two looks.
pub(crate) const TICK_MS: u64 = 25;

/// The connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    all: RefCell<Slab<Rc<Watch>>>,
    now_ms: Cell<u64>,
}

/// The causes that end one connection's wait from outside.
#[derive(Debug)]
struct Watch {
    due_ms: Cell<u64>,
    cut: Cell<bool>,
    /// Number of the release whose answer is in progress, if it is the candidate's.
    candidate: Cell<Option<u32>>,
    /// A tunnel is under way: it looks at the plan when it is woken.
    tunnels: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// A connection's own handle; ends the watch when dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    watch: Rc<Watch>,
    key: usize,
    of: Rc<Watches>,
}

impl Watches {
    pub(crate) fn add(self: &Rc<Self>) -> Watched {
        let watch = Rc::new(Watch {
            due_ms: Cell::new(u64::MAX),
            cut: Cell::new(false),
            candidate: Cell::new(None),
            tunnels: Cell::new(false),
            waker: RefCell::new(None),
        });
        let key = self.all.borrow_mut().insert(Rc::clone(&watch));
        Watched { watch, key, of: Rc::clone(self) }
    }

    /// Milliseconds since the worker started, as of the last tick.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Moves the clock and wakes every connection whose time is up.
    pub(crate) fn tick(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
        for (_, watch) in self.all.borrow().iter() {
            if watch.due_ms.get() <= now_ms {
                watch.wake();
            }
        }
    }

    /// Ends every running answer of this candidate release.
    pub(crate) fn cut(&self, release: u32) {
        let all = self.all.borrow();
        for (_, watch) in all.iter().filter(|(_, watch)| watch.candidate.get() == Some(release)) {
            watch.cut.set(true);
            watch.wake();
        }
    }

    /// Wakes every tunnel to a candidate, so that each notices that the plan changed.
    pub(crate) fn wake_tunnels(&self) {
        let all = self.all.borrow();
        let waits = |watch: &Watch| watch.tunnels.get() && watch.candidate.get().is_some();
        all.iter().filter(|(_, watch)| waits(watch)).for_each(|(_, watch)| watch.wake());
    }

    /// Wakes every connection, so that each notices that the worker drains.
    pub(crate) fn wake_all(&self) {
        self.all.borrow().iter().for_each(|(_, watch)| watch.wake());
    }
}

impl Watch {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl Watched {
    /// Sets the deadline this far from now; replaces the one before.
    pub(crate) fn set(&self, timeout: Duration) {
        self.set_at(self.after(timeout));
    }

    /// Brings the deadline forward to this far from now, if it is later.
    pub(crate) fn at_most(&self, timeout: Duration) {
        self.set_at(self.watch.due_ms.get().min(self.after(timeout)));
    }

    /// The worker's time after `timeout`, never early.
    pub(crate) fn after(&self, timeout: Duration) -> u64 {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.of.now_ms().saturating_add(ms).saturating_add(TICK_MS)
    }

    pub(crate) fn set_at(&self, due_ms: u64) {
        self.watch.due_ms.set(due_ms);
    }

    /// Returns whether the time is up. Registers the task for the ticker.
    pub(crate) fn poll_due(&self, cx: &std::task::Context<'_>) -> bool {
        let mut waker = self.watch.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.watch.due_ms.get() <= self.of.now_ms()
    }

    /// Notes the candidate release whose answer is in progress, if any.
    pub(crate) fn serving(&self, candidate: Option<u32>) {
        self.watch.candidate.set(candidate);
        self.watch.cut.set(false);
    }

    /// Notes that a tunnel is under way, or no more.
    pub(crate) fn tunnels(&self, under_way: bool) {
        self.watch.tunnels.set(under_way);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.watch.cut.get()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.of.all.borrow_mut().remove(self.key);
    }
}
