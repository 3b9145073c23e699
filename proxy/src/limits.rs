//! How much one tenant may ask for.

use crate::problem::Problem;
use pingora_limits::inflight::{Guard, Inflight};
use pingora_limits::rate::Rate;
use stagegate_settings::TenantLimits;
use std::time::Duration;

/// Counts what tenants use. Estimates by sketch: a tenant may rarely be counted too high, never
/// too low, and the memory does not grow with the number of tenants.
pub(crate) struct Allowance {
    limits: TenantLimits,
    rate: Rate,
    in_flight: Inflight,
}

impl Allowance {
    pub(crate) fn new(limits: TenantLimits) -> Self {
        Self { limits, rate: Rate::new(Duration::from_secs(1)), in_flight: Inflight::new() }
    }

    pub(crate) fn is_for(&self, limits: TenantLimits) -> bool {
        self.limits == limits
    }

    /// Counts a request in. It is under way until the guard is dropped.
    ///
    /// # Errors
    /// The limit that is used up.
    pub(crate) fn take(&self, tenant: &str) -> Result<Option<Guard>, Problem> {
        let over = |count: isize, limit: u32| {
            usize::try_from(count).is_ok_and(|count| count > limit as usize)
        };
        let guard = match self.limits.in_flight {
            Some(limit) => {
                let (guard, count) = self.in_flight.incr(tenant, 1);
                if over(count, limit) {
                    return Err(Problem::TooManyInFlight);
                }
                Some(guard)
            }
            None => None,
        };
        if self.limits.rate.is_some_and(|limit| over(self.rate.observe(&tenant, 1), limit)) {
            return Err(Problem::RateLimited);
        }
        Ok(guard)
    }
}

impl std::fmt::Debug for Allowance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.limits.fmt(f)
    }
}
