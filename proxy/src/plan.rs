//! One epoch's routing: everything a worker needs to send a request on, immutable.

pub(crate) mod numbers;

use crate::address::Address;
use crate::began::Began;
use crate::endpoint::EndpointSet;
use crate::identity::{IdRules, Identity, Jwt};
use crate::limits::Allowance;
use crate::pins::Pin;
use crate::quota::Quota;
use crate::route::Routes;
use crate::shadow::{Lane, Shadowing};
use crate::tap::TapSettings;
use crate::trace::TraceSettings;
use foldhash::fast::FixedState;
use stagegate_flags::FlagSet;
use stagegate_rollout::{Arm, ReleaseName, Split, Weight, WorkloadName};
use stagegate_settings::{Health, RequestChanges, Source, TenantLimits, Workload as Settings};
use stagegate_signals::{Prices, Protocol, Rules};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// The data plane's settings of one workload, besides its split.
#[derive(Debug)]
pub struct WorkloadSettings {
    /// The settings for its requests.
    pub settings: Arc<Settings>,
    /// The verification of bearer tokens; without it no token is an identity.
    pub jwt: Option<Arc<Jwt>>,
    /// Its releases and their addresses.
    pub releases: Vec<(ReleaseName, Vec<Address>)>,
    /// What makes a request one of a release; nothing for releases that are not in it.
    pub changes: HashMap<ReleaseName, Arc<RequestChanges>>,
    /// Settings for the signals that are read from responses.
    pub signals: SignalSettings,
    /// The sampling of exchanges for scoring; `None` if nothing is sampled.
    pub tap: Option<TapSettings>,
    /// The tracing of requests; `None` if they are not traced.
    pub trace: Option<TraceSettings>,
    /// Pairs of answers (stable's, a shadow's) that are tapped a second at most; none are when
    /// absent.
    pub pairs: Option<Arc<Quota>>,
}

/// Settings for the signals that are read from responses: usage, cost, failures.
#[derive(Clone, Debug)]
pub struct SignalSettings {
    /// The backend's protocol.
    pub protocol: Protocol,
    /// The classes of responses, by status and by the contents of their bodies.
    pub rules: Rules,
    /// The prices of tokens.
    pub prices: Arc<Prices>,
    /// Tenants whose use is counted each on its own; everyone else's counts as `other`. Nothing is
    /// counted by tenant when empty.
    pub tenants: BTreeSet<Arc<str>>,
}

/// A release at run time.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) name: Arc<str>,
    /// Unique in the process and stable across plans, for stats and pins.
    pub(crate) number: u32,
    pub(crate) endpoints: EndpointSet,
    /// What makes a request one of this release.
    pub(crate) changes: Option<Arc<RequestChanges>>,
}

/// A workload's settings at run time, shared by the plans of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Arc<Settings>,
    pub(crate) name: Arc<str>,
    pub(crate) jwt: Option<Arc<Jwt>>,
    /// Where ids that backends issue are in bodies.
    pub(crate) ids: IdRules,
    pub(crate) signals: SignalSettings,
    pub(crate) tap: Option<TapSettings>,
    pub(crate) trace: Option<TraceSettings>,
    pub(crate) shadow: Option<Shadowing>,
    pub(crate) releases: HashMap<ReleaseName, Arc<Release>, FixedState>,
    /// Fields that decide who is asking and where requests go, and those that releases set or remove, in lower
    /// case: they never come as trailers.
    pub(crate) never_late: Vec<Box<str>>,
    pub(crate) allowance: Option<Arc<Allowance>>,
    /// Counts copies for as long as the workload exists.
    pub(crate) lane: Arc<Lane>,
    /// Conversations that began on stable, for as long as the workload exists.
    pub(crate) began: Arc<Began>,
}

impl Prepared {
    /// Returns the sources of identities.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity { sources: &self.settings.identity, jwt: self.jwt.as_deref() }
    }

    /// Where issued ids are, if they are learned.
    pub(crate) fn learns(&self) -> Option<&IdRules> {
        self.settings.identity.learned.then_some(&self.ids)
    }

    pub(crate) fn releases(&self) -> impl Iterator<Item = &Arc<Release>> {
        self.releases.values()
    }
}

impl Prepared {
    /// Takes over from `old` what did not change.
    async fn new(given: WorkloadSettings, old: Option<&Self>) -> Result<Self, PrepareError> {
        let WorkloadSettings { settings, jwt, releases, changes, signals, tap, trace, pairs } =
            given;
        let never_late = never_late(&settings, changes.values());
        let mut ready = HashMap::default();
        for (name, addresses) in releases {
            let old = old.and_then(|old| old.releases.get(&name));
            let changes = changes.get(&name);
            let health = settings.health.as_ref();
            let release =
                Release::new(&settings.name, &name, &addresses, health, changes, old).await;
            let release = release.map_err(|why| PrepareError {
                workload: settings.name.clone(),
                release: name.clone(),
                why,
            })?;
            ready.insert(name, release);
        }
        let shadow = settings.shadow.clone();
        Ok(Self {
            name: settings.name.shared(),
            shadow: shadow.map(|rule| Shadowing::new(&settings.name, rule, pairs)),
            never_late,
            allowance: allowance(settings.limits.tenant, old),
            lane: old.map(|old| Arc::clone(&old.lane)).unwrap_or_default(),
            began: old.map(|old| Arc::clone(&old.began)).unwrap_or_default(),
            releases: ready,
            ids: IdRules::with(&settings.identity.issued),
            settings,
            jwt,
            signals,
            tap,
            trace,
        })
    }
}

fn never_late<'a>(
    settings: &'a Settings,
    changes: impl Iterator<Item = &'a Arc<RequestChanges>>,
) -> Vec<Box<str>> {
    let identity = &settings.identity;
    let sources = identity.sources().filter_map(|source| match source {
        Source::Header(name) => Some(name.as_str()),
        _ => None,
    });
    let token = identity.jwt.iter().map(|jwt| jwt.header.as_str());
    let matched = settings.matches.iter().flat_map(|rule| &rule.headers);
    let names = sources.chain(token).chain(matched.map(|(name, _)| name.as_str()));
    let learned = identity.learned.then_some("mcp-session-id");
    // What makes a request that of its release is set in the head.
    let of_releases = changes.flat_map(|changes| {
        let set = changes.set_headers.iter().map(|(name, _)| name.as_str());
        set.chain(changes.remove_headers.iter().map(String::as_str))
    });
    names.chain(learned).chain(of_releases).map(|name| name.to_ascii_lowercase().into()).collect()
}

/// The tenant limits. The counts of `old` are kept if the limits are the same; `None` if there are
/// no limits.
fn allowance(limits: TenantLimits, old: Option<&Prepared>) -> Option<Arc<Allowance>> {
    let limited = limits != TenantLimits::default();
    let old = old.and_then(|old| old.allowance.clone()).filter(|old| old.is_for(limits));
    limited.then(|| old.unwrap_or_else(|| Arc::new(Allowance::new(limits))))
}

impl Release {
    async fn new(
        workload: &WorkloadName,
        name: &ReleaseName,
        addresses: &[Address],
        health: Option<&Health>,
        changes: Option<&Arc<RequestChanges>>,
        old: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, String> {
        let same = |old: &&Arc<Self>| {
            old.endpoints.is_for(addresses, health) && old.changes.as_ref() == changes
        };
        if let Some(old) = old.filter(same) {
            return Ok(Arc::clone(old));
        }
        let before = old.map(|old| &old.endpoints);
        let endpoints = EndpointSet::start(addresses, health.cloned(), before).await?;
        let number = numbers::of(workload.as_str(), name.as_str());
        let changes = changes.cloned();
        Ok(Arc::new(Self { name: name.shared(), number, endpoints, changes }))
    }
}

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
    /// The problem.
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
            before.workloads.iter().map(|old| (&old.settings.name, &**old)).collect();
        for (position, settings) in settings.into_iter().enumerate() {
            let rules = settings.settings.matches.iter();
            rules.for_each(|rule| routes.add(rule, position));
            let old = old_by_name.get(&settings.settings.name).copied();
            workloads.push(Arc::new(Prepared::new(settings, old).await?));
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
    /// Flags in force.
    pub(crate) flags: FlagSet,
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
        Self { epoch, routes, workloads, flags: FlagSet::default() }
    }

    /// The same with these flags.
    pub(crate) fn with_flags(self, flags: FlagSet) -> Self {
        Self { flags, ..self }
    }
}

/// A worker's own handle on the plan in force: cloning it touches no counter that another worker
/// touches.
#[derive(Clone, Debug)]
pub(crate) struct CurrentPlan(Rc<Shared>);

#[derive(Debug)]
struct Shared(Arc<Plan>);

impl CurrentPlan {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self(Rc::new(Shared(plan)))
    }

    /// Returns true if both are handles on the same publication.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl std::ops::Deref for CurrentPlan {
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

    /// Whether the release of this number still serves: as stable, or as a candidate that takes
    /// requests, or that may finish what it began.
    pub(crate) fn leads_to(&self, number: u32) -> bool {
        let is = |release: &Option<Arc<Release>>| {
            release.as_ref().is_some_and(|release| release.number == number)
        };
        let state = self.split.state();
        let finishing = state.closed.as_ref().is_some_and(|closed| closed.finishing);
        let open = state.killed.is_none() && (state.is_open() || finishing);
        is(&self.stable) || open && is(&self.candidate)
    }

    /// Returns true if the buckets of assigned keys must be counted: while a rollout is in
    /// progress.
    pub(crate) fn watches_its_split(&self) -> bool {
        self.split.state().rollout.as_ref().is_some_and(|rollout| rollout.is_active())
    }

    /// True if a pinned conversation is one of those that the present weight drew, so that its requests
    /// are compared. With ids that backends give, it must have begun in this step: those of earlier
    /// steps were drawn by another weight.
    pub(crate) fn is_drawn(&self, pin: &Pin) -> bool {
        let state = self.split.state();
        let drawn = pin.drawn != Weight::ZERO;
        let same = pin.drawn == state.weight || !self.prepared.settings.identity.learned;
        pin.generation == state.generation as u32 && drawn && same
    }

    /// The arm a pin still leads to: stable's release always, the candidate's only within the
    /// opening the pin was made in. A release that is compared with itself plays both roles, so the pin says
    /// which.
    pub(crate) fn pinned(&self, pin: &Pin) -> Option<Arm> {
        let is = |release: &Option<Arc<Release>>| {
            release.as_ref().is_some_and(|r| r.number == pin.release)
        };
        let of_this_opening = pin.generation == self.split.state().generation as u32;
        let of_candidate = is(&self.candidate) && of_this_opening;
        if is(&self.stable) && !(of_candidate && pin.arm == Arm::Candidate) {
            Some(Arm::Stable)
        } else if of_candidate {
            Some(Arm::Candidate)
        } else {
            None
        }
    }
}
