//! Limits of a workload's requests.

/// Limits of a workload's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body in bytes.
    pub body: u64,
    /// Limits of each tenant.
    pub tenant: TenantLimits,
    /// Limits of each endpoint.
    pub endpoint: EndpointLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            tenant: TenantLimits::default(),
            endpoint: EndpointLimits::default(),
        }
    }
}

/// Limits of each tenant; requests without a tenant share one allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Most requests a second, at least 1.
    pub rate: Option<u32>,
    /// Most requests at a time, at least 1.
    pub in_flight: Option<u32>,
}

/// Limits of each endpoint, over all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Most requests at a time, at least 1.
    pub in_flight: Option<u32>,
    /// Requests that may wait for their turn.
    pub pending: u32,
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self { in_flight: None, pending: 128 }
    }
}
