//! What the stories are told with: the built binary on free ports, scripted backends that count,
//! raw connections, and the admin API as a person would call it.
//!
//! Nothing here sleeps to let something happen: everything that takes time is awaited as a
//! condition, with [`PATIENCE`] as the limit after which a test fails instead of hanging.

pub(crate) mod address;
pub(crate) mod admin;
pub(crate) mod backend;
pub(crate) mod bridge;
pub(crate) mod certificates;
pub(crate) mod h2;
pub(crate) mod message;
pub(crate) mod nats;
pub(crate) mod page;
pub(crate) mod setup;
pub(crate) mod stagegate;
pub(crate) mod tools;
pub(crate) mod wire;

pub(crate) use address::free_address;
pub(crate) use admin::Admin;
pub(crate) use backend::{Backend, Exchange};
pub(crate) use bridge::Bridge;
pub(crate) use certificates::Authority;
pub(crate) use message::{End, Head, Response, request, request_with};
pub(crate) use setup::{Setup, Workload};
pub(crate) use stagegate::Stagegate;
pub(crate) use wire::{Chunk, Wire};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take on a slow and busy machine before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How often a condition that cannot be awaited is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// Awaits `future`; fails the test, naming `what`, when it takes longer than [`PATIENCE`].
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("gave up after {PATIENCE:?} waiting for: {what}"),
    }
}

/// Awaits that `condition` becomes true.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    eventually_async(what, async || condition()).await;
}

/// Awaits that the asynchronous `condition` becomes true.
pub(crate) async fn eventually_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "gave up after {PATIENCE:?} waiting for: {what}");
        tokio::time::sleep(POLL).await;
    }
}
