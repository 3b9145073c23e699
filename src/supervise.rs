//! Loops that must not end: one that panics is begun again, and says so.

use std::future::Future;
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};

/// Pause before a loop is begun again.
const AGAIN: Duration = Duration::from_millis(200);

/// Runs what `begin` makes until it returns. When it panics, it is made and run again.
pub(crate) fn keep<F>(name: &'static str, begin: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Err(error) = Run::of(begin()).await {
            if !error.is_panic() {
                return;
            }
            tracing::error!(name, "a loop has panicked and is begun again");
            tokio::time::sleep(AGAIN).await;
        }
    })
}

/// One run; it ends with whoever waits for it.
struct Run(JoinHandle<()>);

impl Run {
    async fn of(run: impl Future<Output = ()> + Send + 'static) -> Result<(), JoinError> {
        let mut run = Self(tokio::spawn(run));
        (&mut run.0).await
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::keep;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_begun_again_and_one_that_returns_is_over() {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let kept = keep("test", move || {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(run == 2, "not yet") }
        });
        kept.await.expect("it is over");
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn the_end_of_the_keeper_is_the_end_of_the_loop() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let kept = keep("test", move || {
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                std::future::pending::<()>().await;
            }
        });
        tokio::task::yield_now().await;
        kept.abort();
        assert!(kept.await.is_err());
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
