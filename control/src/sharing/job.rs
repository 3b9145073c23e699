//! Something that is asked of the servers while the steering loop goes on.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// A question under way, and its answer once there is one.
#[derive(Debug)]
pub(crate) struct Job<T> {
    task: JoinHandle<()>,
    found: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static> Job<T> {
    /// Begins. It ends with the value.
    pub(crate) fn begin(work: impl Future<Output = T> + Send + 'static) -> Self {
        let found = Arc::new(Mutex::new(None));
        let place = Arc::clone(&found);
        let task = tokio::spawn(async move {
            let answer = work.await;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        });
        Self { task, found }
    }

    /// Returns true if there will be no other answer than there is now.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// The answer; none if there is none yet, or the task was lost.
    pub(crate) fn answer(&self) -> Option<T> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for the answer.
    pub(crate) async fn finish(mut self) -> Option<T> {
        let _ = (&mut self.task).await;
        self.answer()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
