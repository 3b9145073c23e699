//! The cohort and the exclusion group of each tenant.

use crate::{Cohort, CohortName, GroupName, SpecError};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Tenants and users on an allow or deny list.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Members {
    /// Tenant ids.
    pub tenants: BTreeSet<Arc<str>>,
    /// User ids.
    pub users: BTreeSet<Arc<str>>,
}

impl Members {
    /// True if either id is listed.
    #[must_use]
    pub fn contains(&self, tenant: Option<&str>, user: Option<&str>) -> bool {
        tenant.is_some_and(|id| self.tenants.contains(id))
            || user.is_some_and(|id| self.users.contains(id))
    }

    /// True if the lists are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.users.is_empty()
    }
}

/// Index from tenant to its cohort and exclusion group: one lookup a request, shared by every plan
/// made from the same configuration, so that a weight change does not copy a million tenants.
#[derive(Debug, Default)]
pub struct Membership {
    tenants: HashMap<Arc<str>, Member, FixedState>,
    cohorts: Vec<CohortName>,
    groups: Vec<GroupName>,
    /// Tenants in a cohort and in a group: few, but asked for with every look at a cohort.
    both: Vec<Arc<str>>,
}

/// Positions in the lists of [`Membership`].
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    cohort: Option<u32>,
    group: Option<u32>,
}

impl Membership {
    /// Indexes the tenants, reporting duplicate cohorts and tenants in two cohorts. A tenant in two
    /// exclusion groups is kept in the first by name: either keeps it on stable.
    pub(crate) fn build(
        cohorts: &[Cohort],
        exclusions: &BTreeMap<GroupName, Vec<Arc<str>>>,
        errors: &mut Vec<SpecError>,
    ) -> Self {
        let mut index = Self::default();
        for cohort in cohorts {
            if index.cohorts.contains(&cohort.name) {
                errors.push(SpecError::DuplicateCohort(cohort.name.clone()));
                continue;
            }
            let number = index.cohorts.len() as u32;
            index.cohorts.push(cohort.name.clone());
            for tenant in &cohort.tenants {
                let member = index.tenants.entry(Arc::clone(tenant)).or_default();
                match member.cohort {
                    Some(first) if first != number => errors.push(SpecError::TenantInTwoCohorts {
                        tenant: Arc::clone(tenant),
                        first: index.cohorts[first as usize].clone(),
                        second: cohort.name.clone(),
                    }),
                    _ => member.cohort = Some(number),
                }
            }
        }
        for (name, tenants) in exclusions {
            let number = index.groups.len() as u32;
            index.groups.push(name.clone());
            for tenant in tenants {
                index.tenants.entry(Arc::clone(tenant)).or_default().group.get_or_insert(number);
            }
        }
        let both = index.tenants.iter().filter(|(_, m)| m.cohort.is_some() && m.group.is_some());
        index.both = both.map(|(tenant, _)| Arc::clone(tenant)).collect();
        index
    }

    /// Tenants that are in a cohort and in an exclusion group.
    #[must_use]
    pub fn in_both(&self) -> &[Arc<str>] {
        &self.both
    }

    /// The cohort the tenant belongs to, enabled or not.
    #[must_use]
    #[inline] // asked with every decision
    pub fn cohort(&self, tenant: &str) -> Option<&CohortName> {
        self.tenants.get(tenant)?.cohort.map(|number| &self.cohorts[number as usize])
    }

    /// The exclusion group the tenant belongs to, opted in or not.
    #[must_use]
    #[inline] // asked with every decision
    pub fn group(&self, tenant: &str) -> Option<&GroupName> {
        self.tenants.get(tenant)?.group.map(|number| &self.groups[number as usize])
    }
}
