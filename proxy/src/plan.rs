//! One epoch's routing: everything a worker needs to send a request on, immutable.

use crate::endpoint::{Address, EndpointSet, HealthSettings};
use crate::identity::Identity;
use crate::limits::{Allowance, TenantLimits};
use crate::outlier::Ejection;
use crate::pins::Pin;
use crate::retry::RetrySettings;
use crate::route::{Match, Routes};
use foldhash::fast::FixedState;
use stagegate_rollout::{Arm, ForceKey, ReleaseName, Split, WorkloadName};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What the data plane is told of one workload, besides its split.
#[derive(Debug)]
pub struct WorkloadSettings {
    /// The workload's name.
    pub name: WorkloadName,
    /// The ways into it.
    pub matches: Vec<Match>,
    /// Where its identities come from.
    pub identity: Identity,
    /// Its releases and their addresses.
    pub releases: Vec<(ReleaseName, Vec<Address>)>,
    /// How endpoints are checked; unchecked endpoints count as healthy.
    pub health: Option<HealthSettings>,
    /// Its deadlines.
    pub timeouts: Timeouts,
    /// Largest request body in bytes.
    pub body_limit: u64,
    /// Limits per tenant.
    pub tenant: TenantLimits,
    /// What force headers are checked with; without it they are ignored.
    pub force: Option<ForceKey>,
    /// What `Host` the endpoints see.
    pub host: HostHeader,
    /// Which requests are sent again when a pooled connection turns out to be dead.
    pub replay: Replay,
    /// How many endpoints are tried for a connection.
    pub connect_attempts: u32,
    /// How requests are sent again otherwise.
    pub retry: RetrySettings,
    /// When an endpoint is left out for failing real requests.
    pub ejection: Option<Ejection>,
    /// A request that finds no connection to the candidate goes to stable.
    pub fallback_to_stable: bool,
    /// Limits of each endpoint.
    pub endpoint: EndpointLimits,
}

/// Limits of each endpoint, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Most requests at a time.
    pub in_flight: Option<u32>,
    /// Requests that may wait for their turn.
    pub pending: u32,
}

/// Deadlines of one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From the end of the request to the response head.
    pub first_byte: Duration,
    /// Without any progress, in a body or a tunnel.
    pub idle: Duration,
    /// For the whole request; none when absent.
    pub total: Option<Duration>,
    /// For which an unused connection is kept; must be below the backend's own.
    pub pool_idle: Duration,
}

/// What `Host` the endpoints see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// The client's.
    #[default]
    Preserve,
    /// The endpoint's own `host:port`.
    Endpoint,
    /// A fixed one.
    Name(String),
}

/// Which requests are sent again when a pooled connection turns out to be dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Idempotent methods, and requests with an `Idempotency-Key`.
    #[default]
    Idempotent,
    /// All: for backends that never do anything before they answer.
    Any,
    /// None.
    Off,
}

/// A release at run time.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) name: Arc<str>,
    /// Unique in the process and stable across plans, for stats and pins.
    pub(crate) number: u32,
    pub(crate) endpoints: EndpointSet,
}

/// A workload's settings at run time, shared by the plans of one configuration.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Arc<WorkloadSettings>,
    pub(crate) name: Arc<str>,
    releases: HashMap<ReleaseName, Arc<Release>, FixedState>,
    pub(crate) allowance: Option<Arc<Allowance>>,
}

impl Prepared {
    pub(crate) fn releases(&self) -> impl Iterator<Item = &Arc<Release>> {
        self.releases.values()
    }
}

static NEXT_RELEASE: AtomicU32 = AtomicU32::new(0);

/// A configuration the data plane is ready to publish plans of.
#[derive(Clone, Debug, Default)]
pub struct PreparedConfig {
    pub(crate) workloads: Vec<Arc<Prepared>>,
    pub(crate) routes: Arc<Routes>,
}

/// A configuration the data plane cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("workload `{workload}`, release `{release}`: {why}")]
pub struct PrepareError {
    /// The workload.
    pub workload: WorkloadName,
    /// The release.
    pub release: ReleaseName,
    /// What is wrong.
    pub why: String,
}

impl PreparedConfig {
    /// Gets ready: starts health checks, takes over from `before` what did not change.
    /// Must be called on the control runtime, where the checks run.
    ///
    /// # Errors
    /// A [`PrepareError`] when endpoints cannot be used; nothing is started then.
    pub async fn prepare(
        settings: Vec<WorkloadSettings>,
        before: &Self,
    ) -> Result<Self, PrepareError> {
        let mut routes = Routes::default();
        let mut workloads = Vec::with_capacity(settings.len());
        let old_by_name: HashMap<_, _, FixedState> =
            before.workloads.iter().map(|old| (&old.settings.name, old)).collect();
        for (position, settings) in settings.into_iter().enumerate() {
            settings.matches.iter().for_each(|rule| routes.add(rule, position));
            let old = old_by_name.get(&settings.name);
            let mut releases = HashMap::default();
            for (name, addresses) in &settings.releases {
                let old = old.and_then(|old| old.releases.get(name));
                let release = match old {
                    Some(old) if old.endpoints.is_for(addresses, settings.health.as_ref()) => {
                        Arc::clone(old)
                    }
                    _ => {
                        let before = old.map(|old| &old.endpoints);
                        let health = settings.health.clone();
                        let endpoints = EndpointSet::start(addresses, health, before)
                            .await
                            .map_err(|why| PrepareError {
                                workload: settings.name.clone(),
                                release: name.clone(),
                                why,
                            })?;
                        let number = old.map_or_else(
                            || NEXT_RELEASE.fetch_add(1, Ordering::Relaxed),
                            |old| old.number,
                        );
                        Arc::new(Release { name: name.shared(), number, endpoints })
                    }
                };
                releases.insert(name.clone(), release);
            }
            let limited = settings.tenant != TenantLimits::default();
            let old_allowance =
                old.and_then(|old| old.allowance.clone()).filter(|a| a.is_for(settings.tenant));
            let allowance = limited.then(|| {
                old_allowance.unwrap_or_else(|| Arc::new(Allowance::new(settings.tenant)))
            });
            workloads.push(Arc::new(Prepared {
                name: settings.name.shared(),
                settings: Arc::new(settings),
                releases,
                allowance,
            }));
        }
        Ok(Self { workloads, routes: Arc::new(routes) })
    }

    /// The same configuration with the addresses that were found for some of its releases; none
    /// when they are what it has. Endpoints that stay keep connections and health. Must be called
    /// on the control runtime.
    ///
    /// # Errors
    /// A [`PrepareError`] when endpoints cannot be used; nothing is started then.
    pub async fn with_addresses(
        &self,
        found: Vec<FoundAddresses>,
    ) -> Result<Option<Self>, PrepareError> {
        let mut next = self.clone();
        let mut moved = false;
        for FoundAddresses { workload, release, addresses } in found {
            let of_name = |prepared: &Arc<Prepared>| prepared.settings.name == workload;
            let Some(at) = next.workloads.iter().position(of_name) else { continue };
            let prepared = &next.workloads[at];
            let health = prepared.settings.health.as_ref();
            let Some(old) = prepared.releases.get(&release) else { continue };
            if old.endpoints.is_for(&addresses, health) {
                continue;
            }
            let started = EndpointSet::start(&addresses, health.cloned(), Some(&old.endpoints));
            let endpoints = started.await.map_err(|why| PrepareError {
                workload: workload.clone(),
                release: release.clone(),
                why,
            })?;
            let renewed =
                Arc::new(Release { name: Arc::clone(&old.name), number: old.number, endpoints });
            let mut releases = prepared.releases.clone();
            releases.insert(release, renewed);
            next.workloads[at] = Arc::new(Prepared {
                settings: Arc::clone(&prepared.settings),
                name: Arc::clone(&prepared.name),
                releases,
                allowance: prepared.allowance.clone(),
            });
            moved = true;
        }
        Ok(moved.then_some(next))
    }

    /// Whether both are the same configuration, not only equal ones.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.routes, &other.routes)
            && self.workloads.len() == other.workloads.len()
            && self.workloads.iter().zip(&other.workloads).all(|(one, two)| Arc::ptr_eq(one, two))
    }
}

/// Where a release's endpoints were found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAddresses {
    /// The workload.
    pub workload: WorkloadName,
    /// The release.
    pub release: ReleaseName,
    /// Every address of its endpoints.
    pub addresses: Vec<Address>,
}

/// One epoch's routing.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) epoch: u64,
    pub(crate) routes: Arc<Routes>,
    pub(crate) workloads: Vec<Workload>,
}

/// The part a release plays. Kept instead of the release itself, whose counted reference would be
/// one that all workers count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Arm(Arm),
    Fallback,
}

/// One workload in a plan.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) split: Arc<Split>,
    pub(crate) stable: Option<Arc<Release>>,
    pub(crate) candidate: Option<Arc<Release>>,
    pub(crate) fallback: Option<Arc<Release>>,
}

impl Plan {
    /// Joins a prepared configuration and the splits of its workloads.
    pub(crate) fn new(epoch: u64, config: &PreparedConfig, splits: &[Arc<Split>]) -> Self {
        let by_name: HashMap<_, _, FixedState> =
            splits.iter().map(|split| (&split.spec().name, split)).collect();
        let workload = |prepared: &Arc<Prepared>| {
            let split = *by_name.get(&prepared.settings.name)?;
            let release = |name: &ReleaseName| prepared.releases.get(name).cloned();
            let fallback = match &split.spec().fallback {
                stagegate_rollout::Fallback::Release(name) => release(name),
                _ => None,
            };
            Some(Workload {
                stable: release(&split.state().stable),
                candidate: split.state().candidate.as_ref().and_then(release),
                fallback,
                split: Arc::clone(split),
                prepared: Arc::clone(prepared),
            })
        };
        // The route table counts positions, so a workload without a split would shift the rest.
        let workloads: Vec<Workload> = config.workloads.iter().filter_map(workload).collect();
        let complete = workloads.len() == config.workloads.len();
        let routes = if complete { Arc::clone(&config.routes) } else { Arc::default() };
        Self { epoch, routes, workloads }
    }
}

/// A worker's own handle on the plan in force: cloning it touches no counter that another worker
/// touches.
#[derive(Clone, Debug)]
pub(crate) struct InForce(Rc<Shared>);

#[derive(Debug)]
struct Shared(Arc<Plan>);

impl InForce {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self(Rc::new(Shared(plan)))
    }

    /// Whether both are handles on the same publication.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl std::ops::Deref for InForce {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0.0
    }
}

impl Workload {
    /// The release that plays `role`.
    pub(crate) fn role(&self, role: Role) -> Option<&Release> {
        let release = match role {
            Role::Arm(Arm::Stable) => &self.stable,
            Role::Arm(Arm::Candidate) => &self.candidate,
            Role::Fallback => &self.fallback,
        };
        release.as_deref()
    }

    /// The arm a pin still leads to: stable's release always, the candidate's only within the
    /// opening the pin was made in.
    pub(crate) fn pinned(&self, pin: &Pin) -> Option<Arm> {
        let is = |release: &Option<Arc<Release>>| {
            release.as_ref().is_some_and(|r| r.number == pin.release)
        };
        if is(&self.stable) {
            Some(Arm::Stable)
        } else if is(&self.candidate) && pin.opening == self.split.state().opening {
            Some(Arm::Candidate)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FoundAddresses, PreparedConfig, Timeouts, WorkloadSettings};
    use crate::endpoint::{Address, Protocol, Target};
    use std::time::Duration;

    fn settings(addresses: Vec<Address>) -> WorkloadSettings {
        let second = Duration::from_secs(1);
        WorkloadSettings {
            name: "agent".parse().expect("a name"),
            matches: Vec::new(),
            identity: crate::Identity::default(),
            releases: vec![("v1".parse().expect("a name"), addresses)],
            health: None,
            timeouts: Timeouts {
                connect: second,
                first_byte: second,
                idle: second,
                total: None,
                pool_idle: second,
            },
            body_limit: 0,
            tenant: crate::TenantLimits::default(),
            force: None,
            host: crate::HostHeader::default(),
            replay: crate::Replay::default(),
            connect_attempts: 1,
            retry: crate::RetrySettings {
                budget: 0.0,
                attempts: 0,
                on_unavailable: false,
                backoff: second,
                longest_wait: second,
            },
            ejection: None,
            fallback_to_stable: false,
            endpoint: crate::EndpointLimits::default(),
        }
    }

    fn at(port: u16) -> Address {
        Address {
            target: Target::Ip(([127, 0, 0, 1], port).into()),
            authority: "agent.internal:80".into(),
            name: "agent.internal:80".into(),
            protocol: Protocol::Http1,
            tls: None,
        }
    }

    fn found(ports: &[u16]) -> Vec<FoundAddresses> {
        let addresses = ports.iter().map(|&port| at(port)).collect();
        vec![FoundAddresses {
            workload: "agent".parse().expect("a name"),
            release: "v1".parse().expect("a name"),
            addresses,
        }]
    }

    #[tokio::test]
    async fn endpoints_that_stay_are_the_same_and_those_that_go_are_gone() {
        let empty = PreparedConfig::default();
        let before = PreparedConfig::prepare(vec![settings(vec![at(1), at(2)])], &empty);
        let before = before.await.expect("prepared");
        let ids = |config: &PreparedConfig| -> Vec<u64> {
            let release = config.workloads[0].releases().next().expect("a release");
            release.endpoints.all().iter().map(|endpoint| endpoint.id).collect()
        };
        let [first, second] = ids(&before)[..] else { panic!("two endpoints") };
        assert!(before.with_addresses(found(&[1, 2])).await.expect("fine").is_none());
        let after = before.with_addresses(found(&[2, 3])).await.expect("fine").expect("moved");
        let [kept, new] = ids(&after)[..] else { panic!("two endpoints") };
        assert_eq!(kept, second);
        assert!(new != first && new != second);
        assert!(after.is(&after.clone()) && !after.is(&before));
        let unknown =
            FoundAddresses { release: "v9".parse().expect("a name"), ..found(&[4]).remove(0) };
        assert!(after.with_addresses(vec![unknown]).await.expect("fine").is_none());
    }
}
