//! Stand-ins for the parts that carry and count traffic, and a configuration.

#![allow(dead_code)] // two test crates share it, and neither needs all

use stagegate_config::Config;
use stagegate_control::ports::{
    BoxFuture, DataPlane, DataPlaneStatus, Event, Observer, PrepareError, Prepared, Probed,
    Publication, Settled,
};
use stagegate_rollout::{ReleaseName, Split, WorkloadName};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Two workloads: `agent` with everything, `batch` with one release.
pub(crate) const CONFIG: &str = r#"
listeners: [{ address: "127.0.0.1:8080" }]
workloads:
  agent:
    match: [{ path_prefix: /agent/ }]
    identity:
      tenant: [{ header: x-tenant-id }]
      user: [{ header: x-user-id }]
    releases:
      v1: { endpoints: ["http://127.0.0.1:9001"], artifact: { model: m-1, prompt: p-1 } }
      v2: { endpoints: ["http://127.0.0.1:9002"], artifact: { model: m-2, prompt: p-1 } }
    stable: v1
    candidate: v2
    weight: 1%
    sticky: user
    cohorts:
      - { name: pilots, tenants: [acme, globex] }
      - { name: rest, tenants: [initech, hooli] }
    exclusions: { high_value: [initech] }
    allow: { users: [tester] }
    deny: { tenants: [on-fire] }
  batch:
    match: [{ path_prefix: /batch/ }]
    releases:
      b1: { endpoints: ["http://127.0.0.1:9003"] }
    stable: b1
"#;

/// A stand-in data plane that records its calls.
#[derive(Default)]
pub(crate) struct Plane {
    pub(crate) published: Mutex<Vec<Published>>,
    pub(crate) status: Mutex<DataPlaneStatus>,
    pub(crate) refuses: Mutex<Option<String>>,
    /// Workers that never follow.
    pub(crate) stuck: Mutex<u32>,
    /// True if the workers never answer again.
    pub(crate) hangs: Mutex<bool>,
    /// Endpoints that do not answer a probe.
    pub(crate) asleep: Mutex<Vec<String>>,
    config: Mutex<Option<Arc<Config>>>,
    /// Told of each publication.
    changed: Notify,
}

impl Plane {
    /// Waits until `holds` does; it is asked again after each publication. A record that comes late is
    /// a publication too.
    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if holds().await {
                    return;
                }
                changed.await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("gave up waiting for: {what}"));
    }
}

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Published {
    pub(crate) epoch: u64,
    pub(crate) splits: Vec<Arc<Split>>,
    pub(crate) prepared: bool,
    pub(crate) config: Arc<Config>,
    pub(crate) cut: Option<WorkloadName>,
    pub(crate) at: Instant,
}

/// When, after a publication, the stand-in's last request of the old plan left.
pub(crate) const LAST_REQUEST_AFTER: Duration = Duration::from_millis(2);

impl DataPlane for Plane {
    fn prepare(&self, config: Arc<Config>) -> BoxFuture<'_, Result<Prepared, PrepareError>> {
        *self.config.lock().unwrap() = Some(config);
        let refused = self.refuses.lock().unwrap().clone();
        Box::pin(async move {
            match refused {
                Some(why) => Err(PrepareError(why)),
                None => Ok(Box::new(()) as Prepared),
            }
        })
    }

    fn publish(&self, plan: Publication) {
        self.published.lock().unwrap().push(Published {
            epoch: plan.epoch,
            splits: plan.splits,
            prepared: plan.prepared.is_some(),
            config: plan.config,
            cut: plan.cut,
            at: Instant::now(),
        });
        self.changed.notify_waiters();
    }

    fn settled(&self, _: WorkloadName, _: Duration) -> BoxFuture<'_, Settled> {
        let published = self.published.lock().unwrap();
        let at = published.last().map(|it| it.at);
        let stuck = *self.stuck.lock().unwrap();
        if *self.hangs.lock().unwrap() {
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            // Nobody follows before the last request of the old plan has left.
            if let Some(at) = at {
                tokio::time::sleep_until((at + LAST_REQUEST_AFTER).into()).await;
            }
            Settled {
                last_candidate_request: at.map(|at| at + LAST_REQUEST_AFTER),
                acknowledged_workers: 2 - stuck,
                workers: 2,
            }
        })
    }

    fn status(&self) -> DataPlaneStatus {
        self.status.lock().unwrap().clone()
    }

    fn probe(&self, workload: WorkloadName, release: ReleaseName) -> BoxFuture<'_, Vec<Probed>> {
        let config = self.config.lock().unwrap().clone();
        let workloads = config.iter().flat_map(|config| &config.workloads);
        let endpoints = workloads
            .filter(|it| it.spec.name == workload)
            .find_map(|it| it.releases.get(&release));
        let asleep = self.asleep.lock().unwrap().clone();
        let answer = |address: String| Probed {
            answered: match asleep.contains(&address) {
                true => Err("connection refused".to_owned()),
                false => Ok(Duration::from_millis(1)),
            },
            address,
        };
        let probed: Vec<Probed> = endpoints
            .into_iter()
            .flat_map(|release| release.endpoints.iter().map(|it| answer(it.authority())))
            .collect();
        Box::pin(async move { probed })
    }
}

/// Remembers events.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<Event>>);

impl Observer for Events {
    fn on(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}
