//! The commands that change a workload, and the refusals.
//!
//! `change` applies the commands that concern no rollout; [`crate::step`] applies every command.

pub(crate) mod change;
mod lists;

use crate::{
    Action, AnalysisId, CohortName, GroupName, Policy, ReleaseName, RolloutRefusal, Weight,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An allow or a deny list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Always the candidate while it is open.
    Allow,
    /// Never the candidate.
    Deny,
}

/// A tenant or a user on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// A tenant id.
    Tenant(Arc<str>),
    /// A user id.
    User(Arc<str>),
}

/// One change to a workload's runtime state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Sets the candidate's share. A share above zero opens a closed candidate; one that a gate
    /// rolled back is opened by an override only (see [`Grounds::overriding`](crate::Grounds::overriding)).
    SetWeight {
        /// The new share.
        weight: Weight,
    },
    /// Takes the candidate out at once: weight zero, cohorts closed, no rule leads to it.
    Rollback,
    /// Turns the kill switch on.
    Kill,
    /// Turns the kill switch off.
    Revive,
    /// Opens the next cohort.
    EnableCohort {
        /// The cohort; must be the next one in order.
        cohort: CohortName,
        /// Excluded tenants of the cohort that are opted in with it.
        opt_in: Vec<Arc<str>>,
    },
    /// Closes the cohort that was opened last.
    RollbackCohort,
    /// Adds a tenant to an exclusion group.
    Exclude {
        /// The group.
        group: GroupName,
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Takes a tenant out of an exclusion group it was added to at run time.
    Unexclude {
        /// The group.
        group: GroupName,
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Lets an excluded tenant take part from now on.
    OptIn {
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Puts a tenant or user on a list.
    List {
        /// The list.
        list: ListKind,
        /// The actor.
        subject: Subject,
    },
    /// Takes a tenant or user off a list.
    Unlist {
        /// The list.
        list: ListKind,
        /// The actor.
        subject: Subject,
    },
    /// Takes over the roles the configuration declares now. While a rollout is in progress its
    /// roles stay, and the declared ones wait for its end.
    Declare,
    /// Begins a rollout. Needs what the checks before it found (see [`Grounds::preflight`](crate::Grounds::preflight)).
    Start {
        /// The release to roll out.
        to: ReleaseName,
        /// The policy; it is kept with the rollout.
        policy: Box<Policy>,
    },
    /// Compares the stable release with itself (A/A). Needs what the checks before a start found.
    StartAa {
        /// The policy whose gates are tried; of its steps only the first is gone through.
        policy: Box<Policy>,
    },
    /// Goes to the rollout's next step. Needs the newest analysis (see [`Grounds::analysis`](crate::Grounds::analysis)).
    Promote {
        /// The analysis the caller looked at; refused when the evidence changed since.
        expect: Option<AnalysisId>,
        /// Whatever the verdict is; needs a reason.
        force: bool,
    },
    /// Stops the rollout where it is; its triggers stay armed.
    Pause,
    /// Resumes a paused rollout.
    Resume,
    /// Ends the rollout before its completion and takes the candidate out.
    Abort,
    /// Puts the release back that was stable before the last completed rollout.
    Restore,
}

impl Command {
    /// The action that the command asks for.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::SetWeight { .. } => Action::SetWeight,
            Self::Rollback => Action::Rollback,
            Self::Kill => Action::Kill,
            Self::Revive => Action::Revive,
            Self::EnableCohort { .. } => Action::EnableCohort,
            Self::RollbackCohort => Action::RollbackCohort,
            Self::Exclude { .. } => Action::Exclude,
            Self::Unexclude { .. } => Action::Unexclude,
            Self::OptIn { .. } => Action::OptIn,
            Self::List { .. } => Action::List,
            Self::Unlist { .. } => Action::Unlist,
            Self::Declare => Action::Declare,
            Self::Start { .. } | Self::StartAa { .. } => Action::Start,
            Self::Promote { force: false, .. } => Action::Promote,
            Self::Promote { force: true, .. } => Action::ForcePromote,
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Abort => Action::Abort,
            Self::Restore => Action::Restore,
        }
    }

    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.action().label()
    }

    /// Returns true if the command must carry a reason.
    #[must_use]
    pub const fn needs_reason(&self) -> bool {
        matches!(
            self,
            Self::Rollback
                | Self::Kill
                | Self::Revive
                | Self::OptIn { .. }
                | Self::Promote { force: true, .. }
                | Self::Abort
                | Self::Restore
        )
    }
}

/// A command that makes no sense in the present state; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no candidate to send anyone to.
    #[error(
        "the workload has no candidate: `rollout start --to RELEASE` names one, or `candidate:` in the configuration"
    )]
    NoCandidate,
    /// The cohort does not exist.
    #[error("no cohort `{cohort}`; cohorts in order: {known}")]
    UnknownCohort {
        /// The name that was given.
        cohort: CohortName,
        /// The names that exist.
        known: String,
    },
    /// Another cohort is next.
    #[error("cohort `{cohort}` is not the next one: `{next}` is")]
    CohortOutOfOrder {
        /// The name that was given.
        cohort: CohortName,
        /// The one to enable first.
        next: CohortName,
    },
    /// The cohort is already open.
    #[error("cohort `{0}` is already enabled")]
    CohortEnabled(CohortName),
    /// No cohort is open.
    #[error("no cohort is enabled: `cohort enable` opens the first one")]
    NoCohortEnabled,
    /// The cohort has excluded tenants that are not opted in.
    #[error(
        "cohort `{cohort}` contains excluded tenants: {tenants}; opt each one in, or take it out"
    )]
    ExcludedInCohort {
        /// The cohort.
        cohort: CohortName,
        /// The tenants and their groups.
        tenants: String,
    },
    /// The tenant is in no exclusion group.
    #[error("tenant `{0}` is in no exclusion group, or is opted in already")]
    NotExcluded(Arc<str>),
    /// The entry comes from the configuration file.
    #[error("`{0}` comes from the configuration file: remove it there and reload")]
    FromConfig(Arc<str>),
    /// The entry is not on the list.
    #[error("`{0}` is not on the list: its `ls` shows who is")]
    NotListed(Arc<str>),
    /// An id that cannot be one.
    #[error("an id has 1 to 256 bytes and no control characters")]
    BadId,
    /// The release was rolled back, and nobody insists.
    #[error(
        "release `{release}` was rolled back by {by} ({reason}) and gets no traffic again by itself: override with a reason if you mean it"
    )]
    Condemned {
        /// The release.
        release: ReleaseName,
        /// The actor of the rollback.
        by: String,
        /// Their reason.
        reason: String,
    },
    /// The command does not fit the rollout.
    #[error(transparent)]
    Rollout(#[from] RolloutRefusal),
}
