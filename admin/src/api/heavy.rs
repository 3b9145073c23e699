//! Requests that cost much: apart from those that steer, few at a time, and behind all others.
//!
//! Replays, reports, exports, searches, lists and trials of flags, explanations and the check of the audit come
//! this way. Each has a thread
//! of its own that steps back behind those that serve and steer; a rollback, a gate and accepting
//! wait for none of them.

use super::error::{ApiError, Kind};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// Most of them at a time.
const PLACES: usize = 2;
/// Longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most short looks at a disk at a time.
const LOOKS: usize = 8;

static FREE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(PLACES));
static FREE_LOOKS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(LOOKS));

/// Runs short `work` that waits for a disk on the blocking pool, a few at a time: the pool belongs to
/// everyone, and whoever records a change must find a thread in it.
///
/// # Errors
/// When too many others run, and when it panics.
pub(super) async fn look<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let place = place(&FREE_LOOKS).await?;
    let run = move || {
        let _place = place;
        work()
    };
    let done = tokio::task::spawn_blocking(run).await;
    done.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))
}

async fn place(free: &'static Semaphore) -> Result<SemaphorePermit<'static>, ApiError> {
    match tokio::time::timeout(PATIENCE, free.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        _ => {
            let detail = "too many large requests at a time: ask again in a moment";
            Err(ApiError::new(Kind::Unavailable, detail))
        }
    }
}

/// Runs `work` in the background once there is a place for it.
///
/// # Errors
/// When too many others run, and when it panics.
pub(super) async fn heavy<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    heavy_in(&FREE, work).await
}

async fn heavy_in<T: Send + 'static>(
    free: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let place = place(free).await?;
    let (done, answer) = oneshot::channel();
    // The work goes on when the caller leaves, and keeps its place.
    let run = move || {
        let _place = place;
        stagegate_store::in_background();
        let _ = done.send(work());
    };
    let started = std::thread::Builder::new().name("heavy".to_owned()).spawn(run);
    started.map_err(|error| {
        ApiError::new(Kind::Unavailable, format!("there is no thread for it: {error}"))
    })?;
    answer.await.map_err(|_| ApiError::new(Kind::Internal, "it failed; the log says where"))
}

#[cfg(test)]
mod tests {
    use super::{PLACES, heavy_in};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, LazyLock, mpsc};
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn a_few_run_at_a_time_and_a_panic_gives_its_place_back() {
        static FREE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(PLACES));
        for _ in 0..PLACES {
            let fails = || -> () { panic!("on purpose") };
            assert!(heavy_in(&FREE, fails).await.is_err());
        }
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let all: Vec<_> = (0..6)
            .map(|_| {
                let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
                tokio::spawn(heavy_in(&FREE, move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let _ = gate.lock().unwrap().recv();
                    running.fetch_sub(1, Ordering::SeqCst);
                }))
            })
            .collect();
        while running.load(Ordering::SeqCst) < PLACES {
            tokio::task::yield_now().await;
        }
        (0..6).for_each(|_| go.send(()).unwrap());
        for one in all {
            assert!(one.await.unwrap().is_ok());
        }
        assert!(most.load(Ordering::SeqCst) <= PLACES);
    }
}
