//! Contradictions in the configuration of a workload.

use crate::{CohortName, ReleaseName, Weight};
use std::sync::Arc;

/// A workload whose parts contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A role names a release that is not registered.
    #[error(
        "{role} names release `{release}`, which is not among the workload's releases ({known})"
    )]
    UnknownRelease {
        /// `stable`, `candidate` or `kill_switch.fallback`.
        role: &'static str,
        /// The name that was given.
        release: ReleaseName,
        /// The names that exist.
        known: String,
    },
    /// Stable and candidate are the same release.
    #[error("stable and candidate are both `{0}`: the candidate must be another release")]
    SameRelease(ReleaseName),
    /// A weight without a candidate.
    #[error("weight {0} needs a candidate release")]
    WeightWithoutCandidate(Weight),
    /// Two cohorts of the same name.
    #[error("two cohorts are named `{0}`")]
    DuplicateCohort(CohortName),
    /// A tenant in two cohorts.
    #[error(
        "tenant `{tenant}` is in cohort `{first}` and in cohort `{second}`: a tenant belongs to at most one"
    )]
    TenantInTwoCohorts {
        /// The tenant.
        tenant: Arc<str>,
        /// The cohort that had it first.
        first: CohortName,
        /// The later cohort.
        second: CohortName,
    },
}
