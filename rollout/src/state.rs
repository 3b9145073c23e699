//! The runtime state of one workload. Commands change it, and the store keeps it.

use crate::{
    Closed, CohortName, GroupName, Mark, Members, ReleaseName, Rollout, Salt, Weight, WorkloadSpec,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state that commands change and that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadState {
    /// The release that serves everyone not sent elsewhere.
    pub stable: ReleaseName,
    /// The release under rollout.
    pub candidate: Option<ReleaseName>,
    /// Share of targeting keys that go to the candidate.
    pub weight: Weight,
    /// Hashed before the targeting key; changes with every new candidate.
    pub salt: Salt,
    /// The number of times a candidate was opened. A pin to the candidate is valid only in the
    /// generation it was made in, so no old pin survives a rollback.
    #[serde(rename = "opening")]
    pub generation: u64,
    /// Set by a rollback: nothing reaches the candidate until someone opens it again.
    pub closed: Option<Closed>,
    /// Set by the kill switch.
    pub killed: Option<KillState>,
    /// Enabled cohorts, in the order they were enabled.
    pub cohorts: Vec<CohortName>,
    /// Excluded tenants that were opted in by a deliberate command.
    pub opted_in: BTreeSet<Arc<str>>,
    /// Tenants added to exclusion groups at run time.
    pub excluded: BTreeMap<GroupName, BTreeSet<Arc<str>>>,
    /// Allow list entries made at run time.
    pub allow: Members,
    /// Deny list entries made at run time.
    pub deny: Members,
    /// The roles of the last applied configuration, to notice a change.
    pub declared: Declared,
    /// The active rollout, or the last one that ended.
    #[serde(default)]
    pub rollout: Option<Box<Rollout>>,
    /// The release that was stable before the last completed rollout. A rollback restores it.
    #[serde(default)]
    pub previous: Option<ReleaseName>,
    /// Releases that a gate rolled back and that have not become stable since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condemned: BTreeMap<ReleaseName, Condemned>,
}

/// The roles the configuration declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Declared stable release.
    pub stable: ReleaseName,
    /// Declared candidate.
    pub candidate: Option<ReleaseName>,
}

/// The kill switch: the actor, the reason and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillState {
    /// The actor who killed the workload.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

impl WorkloadState {
    /// The initial state of a workload.
    #[must_use]
    pub fn initial(spec: &WorkloadSpec) -> Self {
        let mut state = Self {
            stable: spec.stable.clone(),
            candidate: spec.candidate.clone(),
            weight: spec.initial_weight,
            salt: Salt::new(""),
            generation: 1,
            closed: None,
            killed: None,
            cohorts: Vec::new(),
            opted_in: BTreeSet::new(),
            excluded: BTreeMap::new(),
            allow: Members::default(),
            deny: Members::default(),
            declared: Declared { stable: spec.stable.clone(), candidate: spec.candidate.clone() },
            rollout: None,
            previous: None,
            condemned: BTreeMap::new(),
        };
        state.salt = state.salt_for(spec);
        state
    }

    /// The salt of the present candidate's rollout: the configured one, or one that differs
    /// between rollouts so that another rollout picks other first users.
    #[must_use]
    pub fn salt_for(&self, spec: &WorkloadSpec) -> Salt {
        spec.salt.clone().unwrap_or_else(|| {
            let candidate = self.candidate.as_ref().map_or("", ReleaseName::as_str);
            Salt::new(&format!("{}/{candidate}/{}:", spec.name, self.generation))
        })
    }

    /// True if requests may reach the candidate by any rule.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.candidate.is_some() && self.closed.is_none()
    }

    /// True if a part of the keys is held back on stable while the last step is watched.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        let rollout = self.rollout.as_deref().filter(|rollout| rollout.is_active());
        let rollout = rollout.filter(|rollout| rollout.is_last_step());
        self.is_open() && rollout.is_some_and(|it| it.policy.holdback > Weight::ZERO)
    }

    /// The rollout whose evidence is to be fed and judged: one is in progress, and the kill switch
    /// is off. While this is none, no tick is taken in and no clock moves.
    #[must_use]
    pub fn judged(&self) -> Option<&Rollout> {
        let rollout = self.rollout.as_deref().filter(|rollout| rollout.is_active());
        rollout.filter(|_| self.killed.is_none())
    }

    /// The excluded tenants of a cohort, each with its group. Costs what is excluded, not what the
    /// cohort has.
    #[must_use]
    pub fn excluded_in<'a>(
        &'a self,
        spec: &'a WorkloadSpec,
        cohort: &CohortName,
    ) -> BTreeMap<&'a Arc<str>, &'a GroupName> {
        let at_run_time = self.excluded.values().flatten();
        let maybe = spec.membership.in_both().iter().chain(at_run_time);
        maybe
            .filter(|tenant| spec.membership.cohort(tenant) == Some(cohort))
            .filter_map(|tenant| Some((tenant, self.excluding_group(spec, tenant)?)))
            .collect()
    }

    /// The exclusion group that keeps `tenant` on stable, if one does.
    #[must_use]
    #[inline] // asked with every decision
    pub fn excluding_group<'a>(
        &'a self,
        spec: &'a WorkloadSpec,
        tenant: &str,
    ) -> Option<&'a GroupName> {
        if self.opted_in.contains(tenant) {
            return None;
        }
        let at_run_time = || self.excluded.iter().find(|(_, tenants)| tenants.contains(tenant));
        spec.membership.group(tenant).or_else(|| at_run_time().map(|(group, _)| group))
    }

    /// True if an exclusion group has a tenant, whether or not it was opted in.
    #[must_use]
    pub fn excludes(&self, spec: &WorkloadSpec) -> bool {
        let any = |tenants: &[Arc<str>]| !tenants.is_empty();
        spec.exclusions.values().any(|tenants| any(tenants))
            || self.excluded.values().any(|tenants| !tenants.is_empty())
    }
}

/// A release that a gate rolled back. It gets traffic again only by a command that overrides this
/// with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The rollback: its actor, reason and time.
    #[serde(flatten)]
    pub by: Mark,
    /// The override that let it in again since, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub let_in: Option<Mark>,
    /// How often a gate rolled it back; 0 in states of earlier versions, which stands for once.
    #[serde(default)]
    pub times: u32,
}
