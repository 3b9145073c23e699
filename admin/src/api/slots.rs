//! Connections of the admin listener: strangers can never keep out whoever has a token.
//!
//! Every connection is taken. One that has not shown a token yet is a stranger; the oldest stranger
//! goes when there are too many, and a stranger that was answered goes too. So a caller with a
//! token, whose request comes with its connection, always finds a place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Most connections whose caller has shown no token yet.
const STRANGERS: usize = 256;
/// Most connections of callers with a token.
const KNOWN: usize = 1024;

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Slots {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    strangers: BTreeMap<u64, Arc<Notify>>,
    known: BTreeMap<u64, Arc<Notify>>,
}

/// One connection; its place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    seat: Seat,
    ended: Arc<Notify>,
}

/// The connection of a request.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    slots: Arc<Slots>,
    number: u64,
}

impl Slots {
    /// Takes a connection, and ends the oldest stranger if there are too many.
    pub(super) fn enter(self: &Arc<Self>) -> Slot {
        let ended = Arc::new(Notify::new());
        let mut open = self.lock();
        if open.strangers.len() >= STRANGERS {
            end_oldest(&mut open.strangers);
        }
        open.last += 1;
        let number = open.last;
        open.strangers.insert(number, Arc::clone(&ended));
        Slot { seat: Seat { slots: Arc::clone(self), number }, ended }
    }

    /// Ends the oldest stranger. Returns false if there is none.
    pub(super) fn make_room(&self) -> bool {
        end_oldest(&mut self.lock().strangers)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the connection that has waited longest. It keeps no place from here on.
fn end_oldest(connections: &mut BTreeMap<u64, Arc<Notify>>) -> bool {
    connections.pop_first().is_some_and(|(_, ended)| {
        ended.notify_one();
        true
    })
}

impl Slot {
    /// The connection, for its requests.
    pub(super) fn seat(&self) -> Seat {
        self.seat.clone()
    }

    /// Resolves when the connection must end.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.seat.slots.lock();
        open.strangers.remove(&self.seat.number);
        open.known.remove(&self.seat.number);
    }
}

impl Seat {
    /// The caller has shown who they are.
    pub(super) fn is_known_from_now_on(&self) {
        let mut open = self.slots.lock();
        let Some(ended) = open.strangers.remove(&self.number) else { return };
        if open.known.len() >= KNOWN {
            end_oldest(&mut open.known);
        }
        open.known.insert(self.number, ended);
    }

    /// Whether the caller has shown who they are.
    pub(super) fn is_known(&self) -> bool {
        self.slots.lock().known.contains_key(&self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::{STRANGERS, Slots};
    use std::sync::Arc;

    #[tokio::test]
    async fn the_oldest_stranger_makes_room_and_who_is_known_stays() {
        let slots = Arc::new(Slots::default());
        let known = slots.enter();
        known.seat().is_known_from_now_on();
        let oldest = slots.enter();
        let others: Vec<_> = (1..STRANGERS).map(|_| slots.enter()).collect();
        assert!(known.seat().is_known() && !oldest.seat().is_known());
        let newest = slots.enter();
        oldest.ended().await;
        // A late proof is no use to a connection that has ended.
        oldest.seat().is_known_from_now_on();
        assert!(!oldest.seat().is_known() && known.seat().is_known());
        drop((others, oldest));
        assert!(slots.make_room());
        newest.ended().await;
        assert!(!slots.make_room(), "nobody else is a stranger");
    }
}
