//! The kinds of changes, as a closed set.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An action on a workload. Its text is the `action` of the audit log and of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The candidate's share was set.
    SetWeight,
    /// The candidate was taken out.
    Rollback,
    /// The kill switch was turned on.
    Kill,
    /// The kill switch was turned off.
    Revive,
    /// The next cohort was opened.
    EnableCohort,
    /// The cohort that was opened last was closed.
    RollbackCohort,
    /// A tenant was added to an exclusion group.
    Exclude,
    /// A tenant was taken out of an exclusion group.
    Unexclude,
    /// An excluded tenant takes part.
    OptIn,
    /// A tenant or user was put on a list.
    List,
    /// A tenant or user was taken off a list.
    Unlist,
    /// The roles of the configuration were taken over.
    Declare,
    /// A rollout began.
    Start,
    /// A rollout went to its next step.
    Promote,
    /// A rollout went to its next step whatever the verdict was.
    ForcePromote,
    /// A rollout was stopped where it is.
    Pause,
    /// A paused rollout went on.
    Resume,
    /// A rollout was ended before its completion.
    Abort,
    /// The former stable release was put back.
    Restore,
    /// A watch was passed: the candidate became stable.
    Complete,
    /// The evidence changed; no request is decided differently.
    Analysis,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 21] = [
        Self::SetWeight,
        Self::Rollback,
        Self::Kill,
        Self::Revive,
        Self::EnableCohort,
        Self::RollbackCohort,
        Self::Exclude,
        Self::Unexclude,
        Self::OptIn,
        Self::List,
        Self::Unlist,
        Self::Declare,
        Self::Start,
        Self::Promote,
        Self::ForcePromote,
        Self::Pause,
        Self::Resume,
        Self::Abort,
        Self::Restore,
        Self::Complete,
        Self::Analysis,
    ];

    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SetWeight => "set_weight",
            Self::Rollback => "rollback",
            Self::Kill => "kill",
            Self::Revive => "revive",
            Self::EnableCohort => "enable_cohort",
            Self::RollbackCohort => "rollback_cohort",
            Self::Exclude => "exclude",
            Self::Unexclude => "unexclude",
            Self::OptIn => "opt_in",
            Self::List => "list",
            Self::Unlist => "unlist",
            Self::Declare => "declare",
            Self::Start => "start",
            Self::Promote => "promote",
            Self::ForcePromote => "force_promote",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Restore => "restore",
            Self::Complete => "complete",
            Self::Analysis => "analysis",
        }
    }

    /// Returns true if it takes a release out, which is counted as a rollback.
    #[must_use]
    pub const fn takes_a_release_out(self) -> bool {
        matches!(
            self,
            Self::Rollback | Self::RollbackCohort | Self::Kill | Self::Abort | Self::Restore
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
