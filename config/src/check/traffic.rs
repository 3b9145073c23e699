//! Timeouts, limits, health checks and retries.

use super::plain;
use crate::raw::{
    RawEjection, RawHealth, RawHostHeader, RawLimits, RawProbe, RawRetry, RawTimeouts,
};
use crate::read::{At, Context, OrOff};
use crate::{Ejection, Health, HealthKind, HostHeader, Retry, Timeouts, WorkloadLimits};
use std::time::Duration;

/// How long a health check may take when nothing is said.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn timeouts(raw: RawTimeouts, cx: &mut Context<'_>) -> Option<Timeouts> {
    let total = raw.total?;
    let limit = Some(total.value.0).filter(|total| *total > Duration::ZERO);
    for (name, part) in [("connect", &raw.connect), ("first_byte", &raw.first_byte)] {
        if let (Some(limit), Some(part)) = (limit, part)
            && part.value.0 > limit
        {
            let message = format!("is shorter than `{name}`, which can then never pass");
            cx.warn(&total.site, message, format!("write more than `{name}`, or `0` for no limit"));
        }
    }
    Some(Timeouts {
        connect: plain(raw.connect)?.0,
        first_byte: plain(raw.first_byte)?.0,
        idle: plain(raw.idle)?.0,
        total: limit,
        pool_idle: plain(raw.pool_idle)?.0,
    })
}

pub(crate) fn limits(raw: RawLimits) -> Option<WorkloadLimits> {
    let (tenant, endpoint) = (plain(raw.tenant)?, plain(raw.endpoint)?);
    Some(WorkloadLimits {
        body: plain(raw.body)?.0,
        tenant_rate: plain(tenant.rate),
        tenant_in_flight: plain(tenant.in_flight).map(|number| number.0 as u32),
        endpoint_in_flight: plain(endpoint.in_flight).map(|number| number.0 as u32),
        endpoint_pending: plain(endpoint.pending)?.0 as u32,
    })
}

/// `Some(None)` when switched off.
pub(crate) fn health(raw: At<OrOff<RawHealth>>, cx: &mut Context<'_>) -> Option<Option<Health>> {
    let OrOff::On(raw) = raw.value else { return Some(None) };
    if let (Some(_), Some(tcp)) = (&raw.http, &raw.tcp) {
        cx.problem(&tcp.site, "is given beside `http`", "keep one of the two");
    } else if let Some(At { value: false, site }) = &raw.tcp {
        cx.problem(
            site,
            "leaves nothing to check",
            "write `tcp: true`, `http: /path`, or `health: off`",
        );
    }
    let every = raw.every?.value.0;
    if let Some(timeout) = raw.timeout.as_ref().filter(|timeout| timeout.value.0 > every) {
        cx.warn(
            &timeout.site,
            "lets a check take longer than the time between two checks",
            "write at most `every`",
        );
    }
    let kind = match raw.http.map(|at| at.value) {
        None => HealthKind::Tcp,
        Some(RawProbe::Path(path)) => HealthKind::Http { path: path.0, host: None, status: 200 },
        Some(RawProbe::Full(probe)) => HealthKind::Http {
            path: plain(probe.path)?.0,
            host: plain(probe.host).map(|host| host.0),
            status: plain(probe.status)?.0 as u16,
        },
    };
    Some(Some(Health {
        kind,
        every,
        timeout: plain(raw.timeout).map_or(HEALTH_TIMEOUT.min(every), |timeout| timeout.0),
        healthy: plain(raw.healthy)?.0 as usize,
        unhealthy: plain(raw.unhealthy)?.0 as usize,
    }))
}

pub(crate) fn retry(raw: RawRetry) -> Option<Retry> {
    let connect_attempts = plain(raw.connect_attempts)?.0 as u32;
    Some(Retry {
        stale: plain(raw.stale)?,
        connect_attempts,
        unavailable: plain(raw.unavailable)?,
        attempts: plain(raw.attempts)?.0 as u32,
        budget: plain(raw.budget)?,
        backoff: plain(raw.backoff)?.0,
        longest_wait: plain(raw.longest_wait)?.0,
    })
}

/// `Some(None)` when switched off.
pub(crate) fn ejection(raw: OrOff<RawEjection>) -> Option<Option<Ejection>> {
    let OrOff::On(raw) = raw else { return Some(None) };
    Some(Some(Ejection {
        failures: plain(raw.failures)?.0 as u32,
        slow: plain(raw.slow).map(|wait| wait.0),
        time: plain(raw.time)?.0,
    }))
}

pub(crate) fn host_header(raw: RawHostHeader) -> HostHeader {
    match raw {
        RawHostHeader::Preserve => HostHeader::Preserve,
        RawHostHeader::Endpoint => HostHeader::Endpoint,
        RawHostHeader::Name(name) => HostHeader::Name(name.value.0),
    }
}
