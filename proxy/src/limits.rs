//! Request limits of one tenant.

use crate::problem::Problem;
use crate::tenants::{Key, Over, Tenants};
use pingora_limits::inflight::{Guard, Inflight};
use pingora_limits::rate::Rate;
use stagegate_settings::TenantLimits;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Counts what tenants use: exactly while they fit the table of active tenants, some 65,000, and by
/// sketch beyond, where a tenant may rarely be counted too high, never too low. The memory does not grow
/// with the number of tenants.
pub(crate) struct Allowance {
    limits: TenantLimits,
    began: Instant,
    exact: Tenants,
    rate: Rate,
    in_flight: Inflight,
}

/// A request of a tenant that is under way, until it is dropped.
pub(crate) enum UnderWay {
    Exact(Arc<Allowance>, Key),
    /// Counted by the sketch; without a guard only the rate is limited.
    Sketch {
        _guard: Option<Guard>,
    },
}

impl Allowance {
    pub(crate) fn new(limits: TenantLimits) -> Self {
        Self {
            limits,
            began: Instant::now(),
            exact: Tenants::default(),
            rate: Rate::new(Duration::from_secs(1)),
            in_flight: Inflight::new(),
        }
    }

    pub(crate) fn is_for(&self, limits: TenantLimits) -> bool {
        self.limits == limits
    }

    /// Counts a request in. It is under way until what it gives is dropped.
    ///
    /// # Errors
    /// The limit that is used up.
    pub(crate) fn take(self: &Arc<Self>, tenant: &str) -> Result<UnderWay, Problem> {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match self.exact.enter(tenant, self.limits, now_ms) {
            Some(Ok(key)) => Ok(UnderWay::Exact(Arc::clone(self), key)),
            Some(Err(Over::InFlight)) => Err(Problem::TooManyInFlight),
            Some(Err(Over::Rate)) => Err(Problem::RateLimited),
            None => self.estimate(tenant),
        }
    }

    fn estimate(&self, tenant: &str) -> Result<UnderWay, Problem> {
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
        Ok(UnderWay::Sketch { _guard: guard })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Self::Exact(allowance, key) = self {
            allowance.exact.leave(*key);
        }
    }
}

impl std::fmt::Debug for Allowance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.limits.fmt(f)
    }
}
