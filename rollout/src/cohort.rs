//! Cohorts of tenants.

use crate::CohortName;
use std::sync::Arc;

/// A named list of tenants that is switched on as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// Its name, unique in the workload.
    pub name: CohortName,
    /// Its tenants; a tenant belongs to at most one cohort of a workload.
    pub tenants: Vec<Arc<str>>,
}
