//! The workers as those see them who hand out connections: how many each has, and which are dead.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Every worker of the data plane, by its number.
#[derive(Debug)]
pub(crate) struct Roster(Vec<Entry>);

#[derive(Debug, Default)]
struct Entry {
    connections: AtomicUsize,
    /// Takes no connections any more: it has drained, or is dead.
    closed: AtomicBool,
    /// Its thread ended without having drained.
    dead: AtomicBool,
}

impl Entry {
    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    fn connections(&self) -> usize {
        if self.is_open() { self.connections.load(Ordering::Relaxed) } else { 0 }
    }
}

impl Roster {
    /// So many workers, all alive and without a connection.
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Entry::default()).collect())
    }

    /// Number of workers, dead ones included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Client connections by worker; one that takes none any more has none.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.0.iter().map(Entry::connections).collect()
    }

    /// Client connections of all workers that take some.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().map(Entry::connections).sum()
    }

    /// Counts one more connection for the worker with the fewest, and gives its number; none when no
    /// worker takes connections.
    pub(crate) fn join(&self) -> Option<usize> {
        let open = self.0.iter().enumerate().filter(|(_, entry)| entry.is_open());
        let (index, entry) = open.min_by_key(|(_, entry)| entry.connections())?;
        entry.connections.fetch_add(1, Ordering::Relaxed);
        Some(index)
    }

    /// A connection of a worker has ended.
    pub(crate) fn leave(&self, index: usize) {
        if let Some(entry) = self.0.get(index) {
            entry.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A worker takes no connections any more, and those that were handed to it no longer count.
    pub(crate) fn close(&self, index: usize) {
        if let Some(entry) = self.0.get(index) {
            entry.closed.store(true, Ordering::Relaxed);
        }
    }

    /// A worker has ended without having drained. It is closed from then on, too.
    pub(crate) fn bury(&self, index: usize) {
        self.close(index);
        if let Some(entry) = self.0.get(index) {
            entry.dead.store(true, Ordering::Relaxed);
        }
    }

    /// By worker, true while it is alive.
    pub(crate) fn alive(&self) -> Vec<bool> {
        self.0.iter().map(|entry| !entry.dead.load(Ordering::Relaxed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Roster;

    #[test]
    fn connections_go_to_the_living_worker_with_the_fewest() {
        let roster = Roster::new(3);
        let joined: Vec<_> = (0..4).map(|_| roster.join()).collect();
        assert_eq!(joined, [Some(0), Some(1), Some(2), Some(0)]);
        roster.leave(0);
        roster.leave(0);
        assert_eq!((roster.connections(), roster.total()), (vec![0, 1, 1], 2));
        roster.close(0);
        assert_eq!(roster.join(), Some(1));
        assert_eq!(roster.join(), Some(2));
        assert_eq!(roster.alive(), [true; 3], "one that drains is not dead");
    }

    #[test]
    fn a_dead_worker_has_no_connections() {
        let roster = Roster::new(2);
        roster.join();
        roster.join();
        roster.bury(1);
        assert_eq!((roster.total(), roster.alive()), (1, vec![true, false]));
        roster.leave(1);
        roster.bury(0);
        assert_eq!((roster.join(), roster.total(), roster.len()), (None, 0, 2));
    }
}
