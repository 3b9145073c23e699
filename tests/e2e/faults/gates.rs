//! A gate rolls back by itself while the machine fails: nobody does anything, and traffic goes on.

use super::machine::Disk;
use super::shim::Shim;
use super::{LASTING, Row};
use crate::harness::eventually_async;
use crate::rollout::World;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Longest time from the first wrong answer until nothing reaches the candidate any more. The gates
/// watch for a second, and look at what two seconds brought.
const BOUND: Duration = Duration::from_secs(10);
/// Nothing came for so long: nothing comes.
const QUIET: Duration = Duration::from_secs(1);

/// A rollout at its second step.
struct Scene {
    world: World,
    shim: Shim,
}

impl Scene {
    async fn open(data: Option<String>) -> Self {
        let shim = Shim::new();
        let world = World::at(data, &shim.environment()).await;
        world.begin().await;
        world.climb(2).await;
        Self { world, shim }
    }

    /// The candidate turns wrong. Gives the time until nothing reaches it.
    async fn turns_wrong(&self) -> Duration {
        let candidate = &self.world.candidate;
        candidate.turn_wrong();
        let begun = Instant::now();
        let (mut arrived, mut since) = (candidate.served(), Instant::now());
        eventually_async("the gate to roll back", async || {
            let now = candidate.served();
            if now > arrived {
                (arrived, since) = (now, Instant::now());
            }
            since.elapsed() > QUIET
        })
        .await;
        let took = since.duration_since(begun);
        assert!(took < BOUND, "{took:?}");
        took
    }

    /// Waits until the rollback is recorded as a gate's.
    async fn close(self, fault: &'static str, rollback: Duration) -> Row {
        let begun = Instant::now();
        let rollout = self.world.phase("rolled_back").await;
        assert_eq!(rollout["since"]["by"], "stagegate", "{rollout}");
        let admin = &self.world.stagegate.admin;
        eventually_async("the record of the rollback", async || {
            let audit = admin.get("/v1/audit?actor=stagegate&limit=10").await.json;
            let entries = audit["entries"].as_array().cloned().unwrap_or_default();
            entries.iter().any(|it| it["action"] == "rollback")
        })
        .await;
        let recovered = begun.elapsed();
        assert_eq!(admin.get("/v1/audit/verify").await.ok().json["intact"], true);
        let (asked, failed) = self.world.asked();
        Row { fault, rollback, recovered, failed: failed as usize, asked: asked as usize }
    }
}

async fn the_store_stalls() -> Row {
    let scene = Scene::open(None).await;
    scene.shim.syncs_hang(true);
    let rollback = scene.turns_wrong().await;
    tokio::time::sleep(LASTING).await;
    scene.shim.syncs_hang(false);
    scene.close("the state store stalls for 10 s", rollback).await
}

async fn the_disk_is_full() -> Row {
    let disk = Disk::new(64);
    let scene = Scene::open(Some(disk.data())).await;
    disk.fill();
    let rollback = scene.turns_wrong().await;
    tokio::time::sleep(LASTING).await;
    disk.empty();
    scene.close("the disk is full for 10 s", rollback).await
}

async fn the_disk_is_read_only() -> Row {
    let disk = Disk::new(64);
    let scene = Scene::open(Some(disk.data())).await;
    scene.shim.read_only(Some(&disk.data()));
    let rollback = scene.turns_wrong().await;
    tokio::time::sleep(LASTING).await;
    scene.shim.read_only(None);
    scene.close("the disk becomes read-only for 10 s", rollback).await
}

async fn a_worker_thread_ends() -> Row {
    let scene = Scene::open(None).await;
    scene.shim.end_worker();
    let rollback = scene.turns_wrong().await;
    scene.close("a worker thread dies", rollback).await
}

/// The clock is wrong before the candidate is, and stays wrong.
async fn the_clock_jumps(fault: &'static str, seconds: i64) -> Row {
    let scene = Scene::open(None).await;
    scene.shim.clock(seconds);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let rollout = scene.world.rollout().await;
    assert_eq!((&rollout["active"], &rollout["step"]), (&true.into(), &2.into()), "{rollout}");
    let rollback = scene.turns_wrong().await;
    scene.close(fault, rollback).await
}

async fn the_process_is_stopped() -> Row {
    let scene = Scene::open(None).await;
    scene.world.stagegate.signal(Signal::STOP);
    tokio::time::sleep(LASTING).await;
    scene.world.stagegate.signal(Signal::CONT);
    let rollback = scene.turns_wrong().await;
    scene.close("SIGSTOP for 10 s", rollback).await
}

/// The rows of all faults.
pub(super) async fn rows() -> Vec<Row> {
    let hours = 5 * 3600;
    vec![
        the_store_stalls().await,
        the_disk_is_full().await,
        the_disk_is_read_only().await,
        a_worker_thread_ends().await,
        the_clock_jumps("the clock jumps 5 h ahead", hours).await,
        the_clock_jumps("the clock jumps 5 h back", -hours).await,
        the_process_is_stopped().await,
    ]
}
