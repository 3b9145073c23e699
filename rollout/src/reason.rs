//! The rule that decided. A closed list: it is a metric label, an API value and the core of
//! `explain`.

use serde::{Deserialize, Serialize};

/// The rule that sent a request where it went, in the order the rules are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The workload's kill switch is on.
    KillSwitch,
    /// The user or tenant is on the deny list.
    Denied,
    /// A tester's signed force header.
    Forced,
    /// The conversation began on this arm.
    Pinned,
    /// The tenant is in an exclusion group and has not been opted in.
    Excluded,
    /// The user or tenant is on the allow list.
    Allowed,
    /// The tenant is in an enabled cohort.
    Cohort,
    /// The key's bucket is below the weight.
    Weight,
    /// Nothing else applied: stable.
    Default,
    /// The candidate was chosen but had no healthy endpoint: stable.
    CandidateDown,
    /// The proxy answered before anything was decided: a limit, a loop, no workload.
    Refused,
    /// The flag that is bound to the workload names the arm. Asked after the cohorts.
    Flag,
}

impl Reason {
    /// The rules in the order in which they are tried.
    pub const RULES: [Self; 10] = [
        Self::KillSwitch,
        Self::Denied,
        Self::Forced,
        Self::Pinned,
        Self::Excluded,
        Self::Allowed,
        Self::Cohort,
        Self::Flag,
        Self::Weight,
        Self::Default,
    ];

    /// Every reason; the position is the wire form of the decision log.
    pub const ALL: [Self; 12] = [
        Self::KillSwitch,
        Self::Denied,
        Self::Forced,
        Self::Pinned,
        Self::Excluded,
        Self::Allowed,
        Self::Cohort,
        Self::Weight,
        Self::Default,
        Self::CandidateDown,
        Self::Refused,
        Self::Flag,
    ];

    /// The word used in labels, headers and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Denied => "denied",
            Self::Forced => "forced",
            Self::Pinned => "pinned",
            Self::Excluded => "excluded",
            Self::Allowed => "allowed",
            Self::Cohort => "cohort",
            Self::Weight => "weight",
            Self::Default => "default",
            Self::CandidateDown => "candidate_down",
            Self::Refused => "refused",
            Self::Flag => "flag",
        }
    }

    /// True if a rule decided; refusals are counted apart.
    #[must_use]
    pub const fn is_decision(self) -> bool {
        !matches!(self, Self::Refused)
    }

    /// Position in [`Reason::ALL`]; the one-byte wire form of the decision log.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
