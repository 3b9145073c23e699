//! Limits that all workers share: a budget, of which each worker leases what it uses.
//!
//! The sum of what workers hold is never above the limit, and one worker alone can reach it. A worker
//! leases a few places at a time, and the shared counter is touched only then; what it does not use
//! it gives back with the next tick. Small limits are leased place by place.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// One part in so many of a worker's even share is leased ahead.
const AHEAD: usize = 16;

/// The places of one limit, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    leased: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

/// One worker's part of a budget.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    held: Cell<usize>,
    used: Cell<usize>,
    /// Unused places that are kept until the next tick.
    ahead: Cell<usize>,
}

/// A place that is in use until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Rc<Lease>);

/// A wait for a place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Budget>);

impl Budget {
    /// Places that workers hold, in use or ahead.
    pub(crate) fn leased(&self) -> usize {
        self.leased.load(Ordering::Relaxed)
    }

    /// Joins those that wait for a place; none when `most` wait already.
    pub(crate) fn wait(self: &Arc<Self>, most: usize) -> Option<Waiting> {
        let one_more = |waiting: usize| (waiting < most).then(|| waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Waiting(Arc::clone(self)))
    }

    /// Leases from `need` to `want` places within the limit; none when there are not so many.
    fn lease(&self, need: usize, want: usize, limit: usize) -> Option<usize> {
        let mut got = 0;
        let take = |leased: usize| {
            got = limit.saturating_sub(leased).min(want);
            (got >= need).then(|| leased + got)
        };
        self.leased.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take).ok()?;
        Some(got)
    }

    fn release(&self, places: usize) {
        self.leased.fetch_sub(places, Ordering::AcqRel);
        let waiting = self.waiting.load(Ordering::Acquire);
        (0..waiting.min(places)).for_each(|_| self.freed.notify_one());
    }
}

impl Waiting {
    /// Resolves when a place was given back: in the order in which waits began, over all workers.
    pub(crate) fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.freed.notified()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Lease {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: Cell::default(), used: Cell::default(), ahead: Cell::default() }
    }

    /// A place within `limit`, which so many workers share; none when all are in use. Without a limit
    /// there is always one.
    pub(crate) fn take(self: &Rc<Self>, limit: Option<usize>, workers: usize) -> Option<Place> {
        let used = self.used.get() + 1;
        if let Some(limit) = limit {
            self.ahead.set(limit / (workers.max(1) * AHEAD));
            if used > self.held.get() {
                let need = used - self.held.get();
                let more = self.budget.lease(need, need + self.ahead.get(), limit)?;
                self.held.set(self.held.get() + more);
            }
        } else {
            self.ahead.set(0);
        }
        self.used.set(used);
        Some(Place(Rc::clone(self)))
    }

    /// Gives back what is not in use. Called with every tick.
    pub(crate) fn settle(&self) {
        let unused = self.held.get().saturating_sub(self.used.get());
        if unused > 0 {
            self.held.set(self.used.get());
            self.budget.release(unused);
        }
    }

    /// Returns whether a place is in use.
    pub(crate) fn is_used(&self) -> bool {
        self.used.get() > 0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.used.set(0);
        self.settle();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let lease = &self.0;
        lease.used.set(lease.used.get() - 1);
        let unused = lease.held.get().saturating_sub(lease.used.get());
        if unused > lease.ahead.get() || lease.budget.waiting.load(Ordering::Relaxed) > 0 {
            lease.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Lease, Place};
    use proptest::prelude::*;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn leases(budget: &Arc<Budget>, workers: usize) -> Vec<Rc<Lease>> {
        (0..workers).map(|_| Rc::new(Lease::new(Arc::clone(budget)))).collect()
    }

    #[derive(Clone, Debug)]
    enum Event {
        Take(usize),
        End(usize),
        Tick(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..4_usize).prop_map(Event::Take),
            3 => any::<usize>().prop_map(Event::End),
            1 => (0..4_usize).prop_map(Event::Tick),
        ]
    }

    proptest! {
        /// Never above the limit in sum; a refusal only when nearly all is in use; and one worker alone
        /// reaches the whole limit.
        #[test]
        fn a_budget_is_a_limit_of_all_workers_together(limit in 1..200_usize, events in prop::collection::vec(event(), 0..400)) {
            const WORKERS: usize = 4;
            let budget = Arc::<Budget>::default();
            let workers = leases(&budget, WORKERS);
            let mut places: Vec<Place> = Vec::new();
            for event in events {
                match event {
                    Event::Take(worker) => match workers[worker].take(Some(limit), WORKERS) {
                        Some(place) => places.push(place),
                        None => prop_assert!(places.len() + (WORKERS - 1) * (limit / (WORKERS * 16)) >= limit),
                    },
                    Event::End(at) if !places.is_empty() => {
                        let at = at % places.len();
                        drop(places.swap_remove(at));
                    }
                    Event::End(_) => {}
                    Event::Tick(worker) => workers[worker].settle(),
                }
                prop_assert!(places.len() <= limit && budget.leased() <= limit);
                let held: usize = workers.iter().map(|lease| lease.held.get()).sum();
                prop_assert_eq!(held, budget.leased());
            }
            places.clear();
            workers.iter().for_each(|lease| lease.settle());
            prop_assert_eq!(budget.leased(), 0);
            places.extend((0..limit).map_while(|_| workers[0].take(Some(limit), WORKERS)));
            prop_assert_eq!(places.len(), limit);
            prop_assert!(workers[1].take(Some(limit), WORKERS).is_none());
        }
    }

    #[test]
    fn a_limit_that_comes_later_counts_what_is_under_way() {
        let budget = Arc::<Budget>::default();
        let workers = leases(&budget, 2);
        let before: Vec<_> = (0..5).filter_map(|_| workers[0].take(None, 2)).collect();
        assert_eq!((before.len(), budget.leased()), (5, 0));
        assert!(workers[0].take(Some(5), 2).is_none());
        let sixth = workers[0].take(Some(6), 2);
        assert!(sixth.is_some() && workers[1].take(Some(6), 2).is_none());
        drop((before, sixth));
        assert_eq!(budget.leased(), 0);
    }

    #[test]
    fn threads_never_exceed_the_limit_and_a_dead_one_holds_nothing() {
        const LIMIT: usize = 37;
        let (budget, now) = (Arc::<Budget>::default(), Arc::<AtomicUsize>::default());
        let worker = |_| {
            let (budget, now) = (Arc::clone(&budget), Arc::clone(&now));
            std::thread::spawn(move || {
                let lease = Rc::new(Lease::new(budget));
                let mut places = Vec::new();
                for turn in 0..20_000 {
                    if let Some(place) = lease.take(Some(LIMIT), 4) {
                        assert!(now.fetch_add(1, Ordering::SeqCst) < LIMIT);
                        places.push(place);
                    }
                    if turn % 3 == 0 && places.len() > turn % 7 {
                        now.fetch_sub(1, Ordering::SeqCst);
                        places.pop();
                    }
                }
                now.fetch_sub(places.len(), Ordering::SeqCst);
            })
        };
        let threads: Vec<_> = (0..4).map(worker).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(budget.leased(), 0);
    }

    #[test]
    fn who_waits_is_told_when_a_place_is_free_and_no_more_wait_than_may() {
        let budget = Arc::<Budget>::default();
        let workers = leases(&budget, 2);
        let place = workers[0].take(Some(1), 2).expect("free");
        let waiting = budget.wait(1).expect("room");
        assert!(budget.wait(1).is_none());
        {
            let mut freed = std::pin::pin!(waiting.freed());
            assert!(!freed.as_mut().enable());
            drop(place);
            assert!(freed.as_mut().enable(), "told");
        }
        assert!(workers[1].take(Some(1), 2).is_some());
        drop(waiting);
        assert!(budget.wait(1).is_some());
    }
}
