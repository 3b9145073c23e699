//! The data plane as the control plane wants it.

use crate::file_limit;
use crate::otlp::PriceLists;
use crate::prepare;
use crate::tls::{self, AdminTls};
use crate::traces::{self, Traces};
use crate::workers::Workers;
use stagegate_config::Config;
use stagegate_control::ports::{
    BoxFuture, DataPlane, DataPlaneStatus, EndpointStatus, Health, PrepareError, Prepared, Probed,
    Publication, ReleaseHealth, Settled, WorkerStatus,
};
use stagegate_proxy::{self as proxy, PreparedConfig};
use stagegate_rollout::{ReleaseName, Split, WorkloadName};
use stagegate_signals::Prices;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The proxy behind the control plane's trait.
pub(crate) struct Plane {
    proxy: proxy::DataPlane,
    workers: Arc<Workers>,
    /// The receiver of sampled exchanges.
    outlet: Arc<proxy::Outlet>,
    /// The receiver of records of sampled requests.
    traces: Arc<Traces>,
    /// The receiver of traces of agents prices by them.
    prices: Arc<PriceLists>,
    admin_tls: AdminTls,
    in_force: Mutex<InForce>,
    draining: AtomicBool,
}

/// The parts from which the plan in force was made.
#[derive(Clone, Default)]
struct InForce {
    config: PreparedConfig,
    epoch: u64,
    splits: Vec<Arc<Split>>,
}

/// A configuration that is ready to be published.
struct Ready {
    workloads: PreparedConfig,
    tls: Vec<Option<proxy::ServerTls>>,
    admin_tls: Option<proxy::ServerTls>,
    export: Option<stagegate_otel::Settings>,
    prices: HashMap<Arc<str>, Arc<Prices>>,
}

fn refused(error: &anyhow::Error) -> PrepareError {
    PrepareError(format!("{error:#}"))
}

impl Plane {
    pub(crate) fn new(
        proxy: proxy::DataPlane,
        workers: Arc<Workers>,
        outlet: Arc<proxy::Outlet>,
        traces: Arc<Traces>,
        prices: Arc<PriceLists>,
    ) -> Self {
        Self {
            proxy,
            workers,
            outlet,
            traces,
            prices,
            admin_tls: AdminTls::default(),
            in_force: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    pub(crate) fn proxy(&self) -> &proxy::DataPlane {
        &self.proxy
    }

    /// The TLS of the admin listener.
    pub(crate) fn admin_tls(&self) -> stagegate_admin::Tls {
        self.admin_tls.listener.clone()
    }

    pub(crate) fn endpoints(&self) -> Vec<proxy::EndpointStatus> {
        self.proxy.endpoints()
    }

    /// Every worker thread.
    pub(crate) fn workers(&self) -> Vec<WorkerStatus> {
        self.workers.all(&self.proxy.alive())
    }

    pub(crate) fn pins_made(&self) -> u64 {
        self.proxy.pins_made() as u64
    }

    /// True once the process is not ready for new traffic.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From here on the process is not ready for new traffic.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on backends get proofs of their requests, made with this key; none without one.
    pub(crate) fn prove_requests(&self, key: Option<stagegate_sealed::ProofKey>) {
        self.proxy.prove_requests(key);
    }

    /// Puts flags in force; decisions stay as they are.
    pub(crate) fn put_flags(&self, flags: stagegate_flags::FlagSet) {
        let in_force = self.in_force();
        self.proxy.set_flags(flags);
        // Before the first plan there is nothing to publish again.
        if !in_force.splits.is_empty() {
            self.proxy.publish(in_force.epoch, &in_force.config, &in_force.splits);
        }
    }

    /// Puts in force that endpoints have moved; decisions stay as they are. Says whether anything
    /// changed.
    ///
    /// # Errors
    /// When the addresses cannot be used; nothing changed then.
    pub(crate) async fn take_addresses(
        &self,
        found: Vec<proxy::FoundAddresses>,
    ) -> Result<bool, proxy::PrepareError> {
        let before = self.in_force().config.clone();
        let Some(next) = before.with_addresses(found).await? else { return Ok(false) };
        let mut in_force = self.in_force();
        // A reload in between has looked the names up itself, and later.
        let current = in_force.config.is(&before);
        if current {
            in_force.config = next;
            self.proxy.publish(in_force.epoch, &in_force.config, &in_force.splits);
        }
        Ok(current)
    }
}

impl DataPlane for Plane {
    fn prepare(&self, config: Arc<Config>) -> BoxFuture<'_, Result<Prepared, PrepareError>> {
        Box::pin(async move {
            let (running, running_admin) = (self.proxy.tls(), self.admin_tls.in_force());
            let outlet = Arc::clone(&self.outlet);
            let translate = move || {
                let listeners = tls::listeners(&config.listeners, &running)?;
                let admin = tls::admin(config.admin.tls.as_ref(), running_admin.as_ref())?;
                let workloads = prepare::workloads(&config, &outlet)?;
                Ok((workloads, listeners, admin, traces::export(&config)?))
            };
            let translated = tokio::task::spawn_blocking(translate).await;
            let (settings, listeners, admin_tls, export) = match translated {
                Ok(Ok(translated)) => translated,
                Ok(Err(error)) => return Err(refused(&error)),
                Err(error) => return Err(PrepareError(error.to_string())),
            };
            let before = self.in_force().config.clone();
            let prices = settings
                .iter()
                .map(|it| (it.settings.name.shared(), Arc::clone(&it.signals.prices)));
            let prices = prices.collect();
            let prepared = PreparedConfig::prepare(settings, &before).await;
            let prepared = prepared.map_err(|error| PrepareError(error.to_string()))?;
            let tls = listeners.into_iter().map(|listener| listener.tls).collect();
            Ok(Box::new(Ready { workloads: prepared, tls, admin_tls, export, prices }) as Prepared)
        })
    }

    fn publish(&self, plan: Publication) {
        let mut in_force = self.in_force();
        if let Some(Ok(prepared)) = plan.prepared.map(Prepared::downcast::<Ready>) {
            in_force.config = prepared.workloads;
            self.proxy.renew_tls(prepared.tls);
            self.admin_tls.put(prepared.admin_tls);
            self.proxy.configure(file_limit::fitted(&plan.config));
            self.prices.follow(prepared.prices);
            self.traces.configure(&plan.config, prepared.export);
        }
        (in_force.epoch, in_force.splits) = (plan.epoch, plan.splits);
        self.proxy.publish(in_force.epoch, &in_force.config, &in_force.splits);
        if let Some(workload) = plan.cut {
            self.proxy.cut(&workload.shared());
        }
    }

    fn settled(&self, workload: WorkloadName, patience: Duration) -> BoxFuture<'_, Settled> {
        Box::pin(async move {
            let settled = self.proxy.settled(&workload.shared(), patience).await;
            Settled {
                last_candidate_request: settled.last_candidate,
                acknowledged_workers: settled.acknowledged as u32,
                workers: settled.workers as u32,
            }
        })
    }

    fn status(&self) -> DataPlaneStatus {
        let mut releases: Vec<ReleaseHealth> = Vec::new();
        for endpoint in self.endpoints() {
            let status = EndpointStatus {
                address: endpoint.authority,
                health: match endpoint.healthy {
                    Some(true) => Health::Healthy,
                    Some(false) => Health::Unhealthy,
                    None => Health::Unknown,
                },
            };
            let same = |of: &&mut ReleaseHealth| {
                of.workload.as_str() == endpoint.workload && of.release.as_str() == endpoint.release
            };
            if let Some(release) = releases.iter_mut().find(same) {
                release.endpoints.push(status);
            } else if let (Ok(workload), Ok(release)) =
                (endpoint.workload.parse(), endpoint.release.parse())
            {
                releases.push(ReleaseHealth { workload, release, endpoints: vec![status] });
            }
        }
        DataPlaneStatus {
            draining: self.draining.load(Ordering::Relaxed),
            workers: self.workers(),
            releases,
        }
    }

    fn probe(&self, workload: WorkloadName, release: ReleaseName) -> BoxFuture<'_, Vec<Probed>> {
        Box::pin(async move {
            let asked = self.proxy.warm(&workload, &release).await;
            asked.into_iter().map(|(address, answered)| Probed { address, answered }).collect()
        })
    }
}
