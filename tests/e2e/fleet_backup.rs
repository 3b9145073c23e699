//! The ledger of a fleet is lost, or an older copy of it comes back: what replicas do by themselves, and the way back of
//! `docs/how-to/backup.md`.

use crate::harness::nats::Nats;
use crate::harness::{Backend, Setup, Stagegate, Workload, eventually_async};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

struct World {
    nats: Nats,
    candidate: Backend,
    _stable: Backend,
    a: Stagegate,
    b: Stagegate,
}

impl World {
    /// Two replicas that send everybody to the candidate.
    async fn open() -> Self {
        let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
        let nats = Nats::start().await;
        let replica = |name: &str| {
            let fleet = format!(
                "{{ servers: [\"{}\"], copies: 1, replica: {name}, fresh_for: 2s }}",
                nats.address
            );
            Setup::of(Workload::canary(&stable, &candidate)).with("fleet", &fleet)
        };
        let (of_a, of_b) = (replica("a"), replica("b"));
        let (a, b) = tokio::join!(Stagegate::start(&of_a), Stagegate::start(&of_b));
        a.admin.weight("100%").await;
        let world = Self { nats, candidate, _stable: stable, a, b };
        for replica in [&world.a, &world.b] {
            world.until_served_by(replica, "candidate").await;
        }
        world
    }

    async fn served_by(&self, replica: &Stagegate) -> &'static str {
        let before = self.candidate.arrivals();
        let answer = replica.get("/", &[("x-user-id", "ann")]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        if self.candidate.arrivals() > before { "candidate" } else { "stable" }
    }

    async fn until_served_by(&self, replica: &Stagegate, arm: &str) {
        let what = format!("{arm} to serve");
        eventually_async(&what, async || self.served_by(replica).await == arm).await;
    }

    /// Stops both and starts them in this order, as the page says.
    async fn restart(&self) {
        for replica in [&self.a, &self.b] {
            replica.signal(Signal::TERM);
            replica.ended().await;
        }
        self.a.restart().await;
        eventually_async("the first one to be fresh", async || is_fresh(&self.a).await).await;
        self.b.restart().await;
        eventually_async("the second one to be fresh", async || is_fresh(&self.b).await).await;
    }

    /// Both have the same whole history, and what one is told holds at the other.
    async fn is_one_fleet(&self) {
        eventually_async("one history", async || {
            let mut heads = Vec::new();
            for replica in [&self.a, &self.b] {
                let verified = replica.admin.get("/v1/audit/verify").await.ok().json;
                assert_eq!(verified["intact"], true, "{verified}");
                heads.push((verified["entries"].clone(), verified["head"].clone()));
            }
            heads[0] == heads[1]
        })
        .await;
        self.b.admin.weight("100%").await;
        self.until_served_by(&self.a, "candidate").await;
        let done = self.a.admin.rollback().await.ok().json;
        assert_eq!(done["fleet"]["complete"], true, "{done}");
        assert_eq!(self.served_by(&self.b).await, "stable");
    }
}

async fn is_fresh(replica: &Stagegate) -> bool {
    replica.admin.metric("stagegate_replica_freshness_seconds", &[]).await > 0.0
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(done.success());
}

#[tokio::test]
async fn a_lost_ledger_is_made_anew_from_the_copy_of_a_replica() {
    let mut world = World::open().await;
    world.a.admin.rollback().await;
    world.nats.end();
    std::fs::remove_dir_all(world.nats.store()).expect("removed");
    world.nats.again().await;
    for replica in [&world.a, &world.b] {
        eventually_async("it to be fenced", async || !is_fresh(replica).await).await;
        assert_eq!(world.served_by(replica).await, "stable");
    }
    world.restart().await;
    let workload = world.b.admin.workload().await;
    assert_eq!(workload["open"], false, "the rollback is still in force: {workload}");
    world.is_one_fleet().await;
}

#[tokio::test]
async fn an_older_ledger_opens_nothing_and_is_removed_for_the_copies() {
    let mut world = World::open().await;
    // A backup of the ledger while everybody is sent to the candidate.
    let dir = tempfile::tempdir().expect("a directory");
    let (backup, store) = (dir.path().join("store"), world.nats.store());
    world.nats.end();
    copy(&store, &backup);
    world.nats.again().await;
    for replica in [&world.a, &world.b] {
        eventually_async("it to be fresh again", async || is_fresh(replica).await).await;
    }
    world.a.admin.rollback().await;
    world.nats.end();
    std::fs::remove_dir_all(&store).expect("removed");
    copy(&backup, &store);
    world.nats.again().await;

    // The older ledger knows no rollback. Nobody follows it back.
    for replica in [&world.a, &world.b] {
        eventually_async("it to be fenced", async || !is_fresh(replica).await).await;
        for _ in 0..20 {
            assert_eq!(world.served_by(replica).await, "stable");
        }
        assert_eq!(replica.admin.workload().await["open"], false);
    }
    let doctor = world.a.cli(&["fleet", "doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(said.contains("the ledger ends at entry"), "{said}");
    // Nor after a restart.
    world.b.signal(Signal::TERM);
    world.b.ended().await;
    world.b.start_again(&[]);
    eventually_async("it to serve", async || {
        world.b.admin.try_call("GET /v1/status", &[], None).await.is_some_and(|it| it.status == 200)
    })
    .await;
    assert_eq!(world.served_by(&world.b).await, "stable");
    let log = world.b.log();
    assert!(log.contains("the history in data_dir is not the fleet's"), "{log}");

    // The way back: the older ledger is removed, and the copies are the truth.
    world.nats.end();
    std::fs::remove_dir_all(&store).expect("removed");
    world.nats.again().await;
    world.restart().await;
    let workload = world.b.admin.workload().await;
    assert_eq!(workload["open"], false, "the rollback is still in force: {workload}");
    world.is_one_fleet().await;
}
