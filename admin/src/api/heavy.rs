//! Requests that cost much: apart from those that steer, few at a time.

use super::error::{ApiError, Kind};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most of them at a time. Rollbacks, gates and accepting run elsewhere and wait for none.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));
/// Longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `work` on the blocking pool once there is a place for it.
///
/// # Errors
/// When too many others run, and when it panics.
pub(super) async fn heavy<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let place = tokio::time::timeout(PATIENCE, PLACES.acquire()).await;
    let Ok(Ok(place)) = place else {
        let detail = "too many large requests at a time: ask again in a moment";
        return Err(ApiError::new(Kind::Unavailable, detail));
    };
    // The work goes on when the caller leaves, and keeps its place.
    let run = move || {
        let _place = place;
        work()
    };
    let done = tokio::task::spawn_blocking(run).await;
    done.map_err(|error| ApiError::new(Kind::Internal, error.to_string()))
}
