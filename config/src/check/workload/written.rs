//! Places of the parts of a workload in the file, for problems that are found later.

use crate::check::members::Ids;
use crate::raw::RawWorkload;
use crate::read::{At, Site};
use stagegate_rollout::{CohortName, GroupName};
use std::collections::BTreeMap;

/// Places of the parts of a workload.
pub(super) struct Written {
    pub(super) stable: Option<Site>,
    pub(super) candidate: Option<Site>,
    pub(super) weight: Option<Site>,
    pub(super) sticky: Option<Site>,
    pub(super) limits: Option<Site>,
    pub(super) fallback: Option<Site>,
    pub(super) cohorts: Vec<(At<CohortName>, Ids)>,
    pub(super) exclusions: BTreeMap<GroupName, Ids>,
    /// Allowed tenants and users.
    pub(super) allowed: Option<[Ids; 2]>,
    pub(super) whole: Site,
}

impl Written {
    /// The places that are known before the lists are read.
    pub(super) fn of(raw: &RawWorkload, whole: Site) -> Self {
        fn site<T>(at: Option<&At<T>>) -> Option<Site> {
            at.map(|at| at.site.clone())
        }
        Self {
            stable: site(raw.stable.as_ref()),
            candidate: site(raw.candidate.as_ref()),
            weight: site(raw.weight.as_ref()),
            sticky: site(raw.sticky.as_ref()),
            limits: site(raw.limits.as_ref()),
            fallback: None,
            cohorts: Vec::new(),
            exclusions: BTreeMap::new(),
            allowed: None,
            whole,
        }
    }
}
