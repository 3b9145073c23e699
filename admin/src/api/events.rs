//! A state for everybody who watches it: looked at once a second for all of them together, and only
//! while somebody watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

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

/// A state that was shown.
#[derive(Debug)]
pub(super) struct News {
    pub(super) id: String,
    pub(super) text: String,
}

/// What a look found.
pub(super) struct Look {
    /// The state without the time of the look: shown again when this changes.
    pub(super) state: String,
    /// The state as it is shown.
    pub(super) text: String,
    /// True at the end of the process: then every stream ends too.
    pub(super) is_last: bool,
}

impl Events {
    /// Nobody watches yet; `start` is the start of the process in Unix milliseconds.
    #[must_use]
    pub fn new(start: u64) -> Self {
        let looks = Mutex::new(Looks { running: false, start, number: 0 });
        Self { newest: watch::Sender::new(None), looks }
    }

    /// Watches from now on; `look` is used if nobody else watches yet.
    pub(super) fn follow(self: &Arc<Self>, look: impl Fn() -> Look + Send + 'static) -> Follower {
        let mut looks = self.looks();
        if !looks.running {
            looks.running = true;
            self.newest.send_replace(None);
            tokio::spawn(Arc::clone(self).keep_looking(look));
        }
        Follower { newest: self.newest.subscribe() }
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
            let Look { state, text, is_last } = look();
            if state != before {
                self.newest.send_replace(Some(Arc::new(News { id: self.next_id(), text })));
                before = state;
            }
            if is_last {
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
