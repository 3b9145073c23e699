//! The compiled split of one workload: who goes where, and by which rule.

use crate::{
    Arm, Bucket, Closed, CohortName, Fallback, GroupName, OnRollback, Reason, ReleaseName, Salt,
    Sticky, Weight, WorkloadSpec, WorkloadState,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The identity of a request. Every part but the request id may be unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    /// The request's id; never empty.
    pub request: &'a str,
    /// The tenant, if known.
    pub tenant: Option<&'a str>,
    /// The user, if known.
    pub user: Option<&'a str>,
    /// The conversation, if known.
    pub conversation: Option<&'a str>,
    /// Tenant or user is unknown because what the request says of it cannot be read or is not
    /// believed. A backend may read it: where tenants or users are kept off, so is this request.
    pub unreadable: bool,
}

/// The identity that was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// The conversation id.
    Conversation,
    /// The user id.
    User,
    /// The tenant id.
    Tenant,
    /// The request id, because the workload says so or the wanted identity is unknown.
    Request,
}

impl KeyKind {
    /// Every kind; the position is the wire form of the decision log.
    pub const ALL: [Self; 4] = [Self::Conversation, Self::User, Self::Tenant, Self::Request];

    /// The word used in the API.
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

/// The target of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a release by its role.
    Arm(Arm),
    /// To the release the kill switch names.
    FallbackRelease,
    /// To no backend: the kill switch's fixed answer.
    Respond,
}

/// A decision and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The target of the request.
    pub target: Target,
    /// The rule that decided.
    pub reason: Reason,
    /// The cohort or exclusion group the rule names, or [`HOLDBACK`].
    pub detail: Option<&'a str>,
    /// The identity that the bucket belongs to.
    pub key: KeyKind,
    /// The key's bucket, present when the weight was asked.
    pub bucket: Option<Bucket>,
}

/// The arm that a flag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flagged<'a> {
    /// The flag's key.
    pub flag: &'a str,
    /// The arm.
    pub arm: Arm,
}

/// The detail of a rule that applies because an identity cannot be read.
pub const UNREADABLE: &str = "identity_unreadable";

/// The detail of a key that stays on stable while all others are watched on the candidate.
pub const HOLDBACK: &str = "holdback";

/// The detail of a key that stays on stable because this replica of a fleet is not fresh.
pub const FENCED: &str = "fenced";

impl Choice<'_> {
    /// True if nothing but the weight sends a conversation to the candidate.
    #[must_use]
    pub fn is_by_weight(&self) -> bool {
        self.reason == Reason::Weight && self.arm() == Arm::Candidate
    }

    /// The same for a conversation that began on stable, before the weight had grown.
    #[must_use]
    pub const fn stays_on_stable(mut self) -> Self {
        self.target = Target::Arm(Arm::Stable);
        self.reason = Reason::Pinned;
        self
    }

    /// The arm the choice counts under: everything that is not the candidate is stable's.
    #[must_use]
    pub const fn arm(&self) -> Arm {
        match self.target {
            Target::Arm(arm) => arm,
            Target::FallbackRelease | Target::Respond => Arm::Stable,
        }
    }
}

/// Where the requests of a killed workload go.
const fn fallback(spec: &WorkloadSpec) -> Target {
    match spec.fallback {
        Fallback::Stable => Target::Arm(Arm::Stable),
        Fallback::Release(_) => Target::FallbackRelease,
        Fallback::Respond(_) | Fallback::Queue(_) => Target::Respond,
    }
}

/// One workload's routing at one epoch. Immutable: every change compiles a new one.
#[derive(Clone, Debug)]
pub struct Split {
    spec: Arc<WorkloadSpec>,
    state: Arc<WorkloadState>,
    enabled: Vec<CohortName>,
    kill: Option<Target>,
    has_lists: bool,
    keeps_to_stable: bool,
    /// Whom the weight does not draw is held back.
    holds_back: bool,
    /// The candidate is closed because the replica is not fresh.
    fenced: bool,
}

impl Split {
    /// Compiles what the configuration and the runtime state say together.
    #[must_use]
    pub fn new(spec: Arc<WorkloadSpec>, state: Arc<WorkloadState>) -> Self {
        let kill = state.killed.as_ref().map(|_| fallback(&spec));
        let lists = [&spec.allow, &spec.deny, &state.allow, &state.deny];
        Self {
            enabled: state.cohorts.clone(),
            kill,
            has_lists: lists.iter().any(|list| !list.is_empty()),
            keeps_to_stable: false,
            holds_back: state.holds_back(),
            fenced: false,
            spec,
            state,
        }
    }

    /// The same, and nothing is copied to another release either: for a process that does not know
    /// what was decided.
    #[must_use]
    pub const fn keeping_to_stable(mut self) -> Self {
        self.keeps_to_stable = true;
        self
    }

    /// The same with the candidate closed, as a rollback closes it: for a replica of a fleet that does
    /// not know the newest changes. What is closed already, and the kill switch, stay as they are.
    #[must_use]
    pub fn fenced(&self) -> Self {
        let mut state = WorkloadState::clone(&self.state);
        let closes = state.candidate.is_some() && state.closed.is_none();
        if closes {
            state.closed = Some(Closed {
                by: "fleet".to_owned(),
                reason: "this replica does not know the newest changes of its fleet".to_owned(),
                at_ms: 0,
                weight_before: state.weight,
                finishing: self.spec.on_rollback == OnRollback::Finish,
            });
            state.weight = Weight::ZERO;
        }
        let split = Self::new(Arc::clone(&self.spec), Arc::new(state));
        Self { keeps_to_stable: self.keeps_to_stable, fenced: closes, ..split }
    }

    /// The configuration this split was compiled from.
    #[must_use]
    pub fn spec(&self) -> &Arc<WorkloadSpec> {
        &self.spec
    }

    /// The runtime state this split was compiled from.
    #[must_use]
    pub fn state(&self) -> &Arc<WorkloadState> {
        &self.state
    }

    /// Share of keys that go to the candidate.
    #[must_use]
    pub fn weight(&self) -> Weight {
        self.state.weight
    }

    /// Hashed before the targeting key.
    #[must_use]
    pub fn salt(&self) -> &Salt {
        &self.state.salt
    }

    /// Decides. The first rule that applies wins; its name is the reason.
    ///
    /// `forced` is the arm of a verified force header. `pinned` is the arm the conversation began
    /// on, already checked to be of this generation. While the candidate is closed nothing leads to
    /// it, except a pin under the policy `finish`; while the workload is killed nothing at all.
    #[must_use]
    pub fn choose<'a>(
        &'a self,
        who: &Who<'_>,
        forced: Option<Arm>,
        pinned: Option<Arm>,
    ) -> Choice<'a> {
        self.choose_by_flag(who, forced, pinned, None)
    }

    /// As [`Split::choose`], where a flag is bound to the workload and names an arm.
    #[must_use]
    pub fn choose_by_flag<'a>(
        &'a self,
        who: &Who<'_>,
        forced: Option<Arm>,
        pinned: Option<Arm>,
        flagged: Option<Flagged<'a>>,
    ) -> Choice<'a> {
        let (key_kind, key) = self.key(who);
        let decided = |arm, reason| Choice {
            target: Target::Arm(arm),
            reason,
            detail: None,
            key: key_kind,
            bucket: None,
        };
        if let Some(target) = self.kill {
            return Choice { target, ..decided(Arm::Stable, Reason::KillSwitch) };
        }
        if self.has_lists && self.is_denied(who) {
            return decided(Arm::Stable, Reason::Denied);
        }
        if who.unreadable && self.denies() {
            return Choice { detail: Some(UNREADABLE), ..decided(Arm::Stable, Reason::Denied) };
        }
        if !self.state.is_open() {
            let finishing = self.state.closed.as_ref().is_some_and(|closed| closed.finishing);
            return match pinned {
                Some(Arm::Candidate) if finishing => decided(Arm::Candidate, Reason::Pinned),
                _ => {
                    let detail = self.fenced.then_some(FENCED);
                    Choice { detail, ..decided(Arm::Stable, Reason::Default) }
                }
            };
        }
        if let Some(arm) = forced {
            return decided(arm, Reason::Forced);
        }
        if let Some(arm) = pinned {
            return decided(arm, Reason::Pinned);
        }
        if let Some(group) = who.tenant.and_then(|tenant| self.excluding_group(tenant)) {
            let detail = Some(group.as_str());
            return Choice { detail, ..decided(Arm::Stable, Reason::Excluded) };
        }
        if who.unreadable && self.excludes() {
            return Choice { detail: Some(UNREADABLE), ..decided(Arm::Stable, Reason::Excluded) };
        }
        if self.has_lists && self.is_allowed(who) {
            return decided(Arm::Candidate, Reason::Allowed);
        }
        if let Some(cohort) = who.tenant.and_then(|tenant| self.enabled_cohort(tenant)) {
            let detail = Some(cohort.as_str());
            return Choice { detail, ..decided(Arm::Candidate, Reason::Cohort) };
        }
        if let Some(Flagged { flag, arm }) = flagged {
            return Choice { detail: Some(flag), ..decided(arm, Reason::Flag) };
        }
        let bucket = self.state.salt.bucket(key);
        let (arm, reason) = if bucket.is_below(self.state.weight) {
            (Arm::Candidate, Reason::Weight)
        } else {
            (Arm::Stable, Reason::Default)
        };
        let held_back = self.holds_back && reason == Reason::Default;
        let detail = held_back.then_some(HOLDBACK);
        Choice { bucket: Some(bucket), detail, ..decided(arm, reason) }
    }

    /// The choice of a request for which the kill switch counts as on: by a flag, `detail` names it.
    #[must_use]
    pub fn killed<'a>(&'a self, who: &Who<'_>, detail: &'a str) -> Choice<'a> {
        Choice {
            target: fallback(&self.spec),
            reason: Reason::KillSwitch,
            detail: Some(detail),
            key: self.key(who).0,
            bucket: None,
        }
    }

    /// The targeting key: the identity the workload is sticky by, or the request id without it.
    #[must_use]
    pub fn key<'w>(&self, who: &Who<'w>) -> (KeyKind, &'w str) {
        let wanted = match self.spec.sticky {
            Sticky::Conversation => who.conversation.map(|key| (KeyKind::Conversation, key)),
            Sticky::User => who.user.map(|key| (KeyKind::User, key)),
            Sticky::Tenant => who.tenant.map(|key| (KeyKind::Tenant, key)),
            Sticky::Request => None,
        };
        wanted.unwrap_or((KeyKind::Request, who.request))
    }

    /// True if copies of what stable serves may go to `release`: not while the workload is killed,
    /// not to a candidate that was rolled back, and not to the stable release itself.
    #[must_use]
    pub fn may_shadow(&self, release: &ReleaseName) -> bool {
        let state = &self.state;
        let rolled_back = state.closed.is_some() && state.candidate.as_ref() == Some(release);
        !self.keeps_to_stable && self.kill.is_none() && !rolled_back && *release != state.stable
    }

    /// True if a list keeps `who` off new releases, so that nothing of theirs is copied there.
    #[must_use]
    pub fn keeps_back(&self, who: &Who<'_>) -> bool {
        self.has_lists && self.is_denied(who)
            || (who.unreadable && (self.denies() || self.excludes()))
            || who.tenant.is_some_and(|tenant| self.excluding_group(tenant).is_some())
    }

    /// True if conversations stay where they began while the weight grows. A process that keeps
    /// everybody to stable for other reasons says nothing of where they began.
    #[must_use]
    pub fn keeps_conversations(&self) -> bool {
        self.spec.sticky == Sticky::Conversation && !self.keeps_to_stable
    }

    fn denies(&self) -> bool {
        self.has_lists && !(self.spec.deny.is_empty() && self.state.deny.is_empty())
    }

    /// True if a tenant is in an exclusion group, whether or not it was opted in.
    fn excludes(&self) -> bool {
        self.state.excludes(&self.spec)
    }

    fn is_denied(&self, who: &Who<'_>) -> bool {
        [&self.spec.deny, &self.state.deny].iter().any(|list| list.contains(who.tenant, who.user))
    }

    fn is_allowed(&self, who: &Who<'_>) -> bool {
        [&self.spec.allow, &self.state.allow].iter().any(|list| list.contains(who.tenant, who.user))
    }

    fn excluding_group(&self, tenant: &str) -> Option<&GroupName> {
        self.state.excluding_group(&self.spec, tenant)
    }

    fn enabled_cohort(&self, tenant: &str) -> Option<&CohortName> {
        if self.enabled.is_empty() {
            return None;
        }
        self.spec.membership.cohort(tenant).filter(|cohort| self.enabled.contains(cohort))
    }
}
