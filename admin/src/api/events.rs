//! A state for everybody who watches it: looked at once a second for all of them together, and only
//! while somebody watches.

use axum::body::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Most who watch at a time: half of the connections of known callers, so that others find a place.
const MOST: usize = 512;

/// Who watches, and what they were shown last.
#[derive(Debug)]
pub struct Events {
    newest: watch::Sender<Option<Arc<News>>>,
    looks: Mutex<Looks>,
}

#[derive(Debug)]
struct Looks {
    running: bool,
    /// The start of the process, so that no id is used again after a restart, in Unix milliseconds.
    start: u64,
    /// Counts states since then.
    number: u64,
}

/// A state that was shown: one text in memory, however many watch.
#[derive(Debug)]
pub(super) struct News {
    pub(super) id: String,
    /// The event as it is sent.
    pub(super) event: Bytes,
}

/// What a look found.
pub(super) struct Look {
    /// The state as JSON on one line, with [`NO_TIME`] for the time of the look: shown again when it
    /// changes.
    pub(super) state: String,
    /// The time of the look, in Unix milliseconds.
    pub(super) at_ms: u64,
    /// True at the end of the process: then every stream ends too.
    pub(super) is_last: bool,
}

/// The time of a look that is not told yet.
const NO_TIME: &str = "\"now_ms\":0";

impl Look {
    /// The event of this look (HTML, section 9.2.5).
    fn event(&self, id: &str) -> Bytes {
        let time = format!("\"now_ms\":{}", self.at_ms);
        // The first one: only the version and a number stand before it.
        let data = self.state.replacen(NO_TIME, &time, 1);
        format!("event: status\nid: {id}\ndata: {data}\n\n").into()
    }
}

impl Events {
    /// Nobody watches yet; `start` is the start of the process in Unix milliseconds.
    #[must_use]
    pub fn new(start: u64) -> Self {
        let looks = Mutex::new(Looks { running: false, start, number: 0 });
        Self { newest: watch::Sender::new(None), looks }
    }

    /// Watches from now on; `look` is used if nobody else watches yet. `None` if too many do.
    pub(super) fn follow(
        self: &Arc<Self>,
        look: impl Fn() -> Look + Send + 'static,
    ) -> Option<Follower> {
        let mut looks = self.looks();
        if self.newest.receiver_count() >= MOST {
            return None;
        }
        if !looks.running {
            looks.running = true;
            self.newest.send_replace(None);
            tokio::spawn(Arc::clone(self).keep_looking(look));
        }
        Some(Follower { newest: self.newest.subscribe() })
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the looking if nobody watches.
    fn is_over(&self) -> bool {
        let mut looks = self.looks();
        looks.running = self.newest.receiver_count() > 0;
        !looks.running
    }

    fn next_id(&self) -> String {
        let mut looks = self.looks();
        looks.number += 1;
        format!("{}-{}", looks.start, looks.number)
    }

    /// Looks until nobody watches, or until the last look.
    async fn keep_looking(self: Arc<Self>, look: impl Fn() -> Look + Send) {
        let mut before = String::new();
        while !self.is_over() {
            let look = look();
            if look.state != before {
                let id = self.next_id();
                let event = look.event(&id);
                self.newest.send_replace(Some(Arc::new(News { id, event })));
                before = look.state;
            }
            if look.is_last {
                self.newest.send_replace(None);
                // Whoever comes back now finds nobody who looks, and begins again.
                self.looks().running = false;
                return;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// One who watches.
#[derive(Debug)]
pub(super) struct Follower {
    newest: watch::Receiver<Option<Arc<News>>>,
}

impl Follower {
    /// The newest state, as soon as it is another one than `seen`; `None` at the end.
    pub(super) async fn next(&mut self, seen: &str) -> Option<Arc<News>> {
        loop {
            let newest = self.newest.borrow_and_update().clone();
            if let Some(news) = newest.filter(|it| it.id != seen) {
                return Some(news);
            }
            self.newest.changed().await.ok()?;
            // An end comes after a state, so it is not the beginning.
            if self.newest.borrow().is_none() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Events, Look, MOST};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn look(number: u64) -> Look {
        let state = format!("{{\"now_ms\":0,\"number\":{number}}}");
        Look { state, at_ms: 7, is_last: false }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_watch_share_one_event_and_their_number_is_bounded() {
        let events = Arc::new(Events::new(1));
        let looks = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&looks);
        let next = move || look(count.fetch_add(1, Ordering::Relaxed));
        let follow = || events.follow(next.clone());
        let mut all: Vec<_> = (0..MOST).map(|_| follow().expect("a place")).collect();
        assert!(follow().is_none(), "no place is left");
        let first = all[0].next("").await.expect("a state");
        assert_eq!(&*first.event, b"event: status\nid: 1-1\ndata: {\"now_ms\":7,\"number\":0}\n\n");
        for follower in &mut all[1..] {
            let other = follower.next("").await.expect("a state");
            assert_eq!(other.event.as_ptr(), first.event.as_ptr());
        }
        // Whoever did not look for a while gets the newest state alone.
        tokio::time::sleep(super::EVERY * 5).await;
        let newest = all[0].next(&first.id).await.expect("a state");
        let counted = looks.load(Ordering::Relaxed);
        assert!(counted >= 5 && newest.id == format!("1-{counted}"), "{} {counted}", newest.id);
        all.pop();
        assert!(follow().is_some(), "a place is free again");
    }
}
