//! One epoch's routing: everything a worker needs to send a request on, immutable.

use crate::address::Address;
use crate::endpoint::{EndpointSet, HealthSettings};
use crate::identity::Identity;
use crate::limits::{Allowance, TenantLimits};
use crate::outlier::Ejection;
use crate::pins::Pin;
use crate::retry::RetrySettings;
use crate::route::{Match, Routes};
use crate::shadow::{Lane, ShadowSettings};
use crate::tap::TapSettings;
use crate::trace::TraceSettings;
use foldhash::fast::FixedState;
use stagegate_rollout::{Arm, ForceKey, ReleaseName, Split, WorkloadName};
use stagegate_signals::{Prices, Protocol, Rules};
use std::collections::{BTreeSet, HashMap};
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
    /// What answers are asked for.
    pub signals: SignalSettings,
    /// Which exchanges are copied for scoring; none when absent.
    pub tap: Option<TapSettings>,
    /// How requests are traced; not at all when absent.
    pub trace: Option<TraceSettings>,
    /// Which requests are copied to another release; none when absent.
    pub shadow: Option<ShadowSettings>,
}

/// Limits of each endpoint, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Most requests at a time.
    pub in_flight: Option<u32>,
    /// Requests that may wait for their turn.
    pub pending: u32,
}

/// What a workload's answers are asked for: usage, cost, failures.
#[derive(Clone, Debug)]
pub struct SignalSettings {
    /// What the backend speaks.
    pub protocol: Protocol,
    /// How answers end, by status and by what their bodies say.
    pub rules: Rules,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// Tenants whose use is counted each on its own; everyone else's counts as `other`. Nothing is
    /// counted by tenant when empty.
    pub tenants: BTreeSet<Arc<str>>,
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

impl HostHeader {
    /// What endpoints see of a client that sent `client`, which is empty where it sent none; none
    /// for their own.
    pub(crate) fn value<'a>(&'a self, client: &'a str) -> Option<&'a str> {
        match self {
            Self::Preserve => Some(client).filter(|host| !host.is_empty()),
            Self::Endpoint => None,
            Self::Name(name) => Some(name.as_str()),
        }
    }
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
    pub(crate) releases: HashMap<ReleaseName, Arc<Release>, FixedState>,
    pub(crate) allowance: Option<Arc<Allowance>>,
    /// Counts copies for as long as the workload exists.
    pub(crate) lane: Arc<Lane>,
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
                lane: old.map(|old| Arc::clone(&old.lane)).unwrap_or_default(),
            }));
        }
        Ok(Self { workloads, routes: Arc::new(routes) })
    }
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
    /// Gets copies of what stable serves.
    pub(crate) shadow: Option<Arc<Release>>,
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
            let shadow = prepared.settings.shadow.as_ref().map(|shadow| &shadow.release);
            Some(Workload {
                shadow: shadow.filter(|name| split.may_shadow(name)).and_then(release),
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

    /// Whether the buckets of assigned keys are of use: while a rollout is under way.
    pub(crate) fn watches_its_split(&self) -> bool {
        self.split.state().rollout.as_ref().is_some_and(|rollout| rollout.is_active())
    }

    /// The arm a pin still leads to: stable's release always, the candidate's only within the
    /// opening the pin was made in.
    pub(crate) fn pinned(&self, pin: &Pin) -> Option<Arm> {
        let is = |release: &Option<Arc<Release>>| {
            release.as_ref().is_some_and(|r| r.number == pin.release)
        };
        if is(&self.stable) {
            Some(Arm::Stable)
        } else if is(&self.candidate) && pin.generation == self.split.state().generation {
            Some(Arm::Candidate)
        } else {
            None
        }
    }
}
