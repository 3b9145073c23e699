//! What the stories are told with: the built binary on free ports, scripted backends that count,
//! raw connections, and the admin API as a person would call it.
//!
//! Nothing here sleeps to let something happen: everything that takes time is awaited as a
//! condition, with [`PATIENCE`] as the limit after which a test fails instead of hanging.

pub mod address;
pub mod admin;
pub mod backend;
pub mod setup;
pub mod stagegate;
pub mod tools;
pub mod wire;

pub use address::free_address;
pub use admin::Admin;
pub use backend::{Backend, Exchange};
pub use setup::{Setup, Workload};
pub use stagegate::Stagegate;
pub use wire::{End, Head, Response, Wire};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take on a slow and busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How often a condition that cannot be awaited is looked at.
pub const POLL: Duration = Duration::from_millis(5);

/// Awaits `future`; fails the test, naming `what`, when it takes longer than [`PATIENCE`].
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("gave up after {PATIENCE:?} waiting for: {what}"),
    }
}

/// Awaits that `condition` becomes true.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    eventually_async(what, async || condition()).await;
}

/// Awaits that the asynchronous `condition` becomes true.
pub async fn eventually_async(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "gave up after {PATIENCE:?} waiting for: {what}");
        tokio::time::sleep(POLL).await;
    }
}
