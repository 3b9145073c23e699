//! The configuration of one workload's routing, checked once.

use crate::{
    Cohort, GroupName, Members, Membership, ReleaseName, Salt, SpecError, Weight, WorkloadName,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The identity whose hash decides, so that its requests stay on one arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// The conversation; a request without one falls back to its own id.
    #[default]
    Conversation,
    /// The user; a request without one falls back to its own id.
    User,
    /// The tenant; a request without one falls back to its own id.
    Tenant,
    /// Every request on its own.
    Request,
}

impl Sticky {
    /// Every mode, in the order of narrowing reach.
    pub const ALL: [Self; 4] = [Self::Tenant, Self::User, Self::Conversation, Self::Request];

    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::User => "user",
            Self::Tenant => "tenant",
            Self::Request => "request",
        }
    }
}

/// The effect of a rollback on conversations that run on the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRollback {
    /// Running responses finish; the conversation's next request goes to stable.
    #[default]
    Migrate,
    /// Conversations already on the candidate end there; new ones go to stable.
    Finish,
    /// As `migrate`, and running candidate responses are aborted too.
    Cut,
}

impl OnRollback {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Finish => "finish",
            Self::Cut => "cut",
        }
    }
}

/// The target of a killed workload's requests.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Fallback {
    /// The stable release.
    #[default]
    Stable,
    /// One named release.
    Release(ReleaseName),
    /// No backend at all: a fixed answer.
    Respond(FixedResponse),
    /// No backend for now: requests that are listed wait until the workload is revived, others get this answer.
    Queue(FixedResponse),
}

/// A fixed answer of the kill switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponse {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Value of `Retry-After`, sent when present.
    pub retry_after: Option<Duration>,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body, sent as it is.
    pub body: String,
}

/// Everything the routing of one workload is configured with; see [`WorkloadSpec::check`].
#[derive(Clone, Debug)]
pub struct WorkloadSpec {
    /// The workload's name.
    pub name: WorkloadName,
    /// Every release that is registered for the workload.
    pub releases: BTreeSet<ReleaseName>,
    /// The release that is stable until runtime state says otherwise.
    pub stable: ReleaseName,
    /// The candidate until runtime state says otherwise.
    pub candidate: Option<ReleaseName>,
    /// The weight a workload without runtime state begins with.
    pub initial_weight: Weight,
    /// Overrides the per-rollout salt.
    pub salt: Option<Salt>,
    /// The identity that decisions are sticky by.
    pub sticky: Sticky,
    /// The effect of a rollback on running conversations.
    pub on_rollback: OnRollback,
    /// The target of a killed workload's requests.
    pub fallback: Fallback,
    /// Cohorts in the order they open.
    pub cohorts: Vec<Cohort>,
    /// Exclusion groups and their tenants.
    pub exclusions: BTreeMap<GroupName, Vec<Arc<str>>>,
    /// Tenants and users that always get the candidate while it is open.
    pub allow: Members,
    /// Tenants and users that never get the candidate.
    pub deny: Members,
    /// Tenants by cohort and group; filled in by [`WorkloadSpec::check`].
    pub membership: Arc<Membership>,
}

impl WorkloadSpec {
    /// A workload with one release, one arm and nothing else set.
    #[must_use]
    pub fn new(name: WorkloadName, stable: ReleaseName) -> Self {
        Self {
            name,
            releases: BTreeSet::from([stable.clone()]),
            stable,
            candidate: None,
            initial_weight: Weight::ZERO,
            salt: None,
            sticky: Sticky::default(),
            on_rollback: OnRollback::default(),
            fallback: Fallback::default(),
            cohorts: Vec::new(),
            exclusions: BTreeMap::new(),
            allow: Members::default(),
            deny: Members::default(),
            membership: Arc::default(),
        }
    }

    /// Checks that the parts agree, and indexes the tenants.
    ///
    /// # Errors
    /// Every contradiction found, not only the first.
    pub fn check(mut self) -> Result<Self, Vec<SpecError>> {
        let mut errors = Vec::new();
        let mut known = |role, release: &ReleaseName| {
            if !self.releases.contains(release) {
                let names: Vec<&str> = self.releases.iter().map(ReleaseName::as_str).collect();
                errors.push(SpecError::UnknownRelease {
                    role,
                    release: release.clone(),
                    known: names.join(", "),
                });
            }
        };
        known("stable", &self.stable);
        if let Some(candidate) = &self.candidate {
            known("candidate", candidate);
        }
        if let Fallback::Release(release) = &self.fallback {
            known("kill_switch.fallback", release);
        }
        match &self.candidate {
            Some(candidate) if *candidate == self.stable => {
                errors.push(SpecError::SameRelease(candidate.clone()));
            }
            None if self.initial_weight > Weight::ZERO => {
                errors.push(SpecError::WeightWithoutCandidate(self.initial_weight));
            }
            _ => {}
        }
        let membership = Membership::build(&self.cohorts, &self.exclusions, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        self.membership = Arc::new(membership);
        Ok(self)
    }
}
