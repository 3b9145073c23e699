//! A release whose contents must not change any more.

use stagegate_rollout::{ReleaseName, WorkloadName};

/// A used release that was given other contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRelease {
    /// Its workload.
    pub workload: WorkloadName,
    /// Its name.
    pub release: ReleaseName,
    /// Digest it is registered with.
    pub registered: String,
    /// Digest it was given.
    pub given: String,
}

impl ChangedRelease {
    pub(super) fn describe(changed: &[Self]) -> String {
        let each: Vec<_> = changed
            .iter()
            .map(|it| {
                format!(
                    "release `{}` of workload `{}` has been used with other pins (registered {}, now {})",
                    it.release, it.workload, it.registered, it.given
                )
            })
            .collect();
        format!("{}: give the new pins a new release name", each.join("; "))
    }
}
