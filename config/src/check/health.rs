//! Health checks.

use crate::raw::{RawHealth, RawProbe};
use crate::read::{At, Context, plain};
use stagegate_settings::{Health, Probe};
use std::time::Duration;

/// The default time limit of a health check.
const USUAL_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn health(raw: RawHealth, cx: &mut Context<'_>) -> Option<Health> {
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
    let probe = match plain(raw.http) {
        None => Probe::Tcp,
        Some(RawProbe::Path(path)) => Probe::Http { path: path.0, host: None, status: 200 },
        Some(RawProbe::Full(probe)) => Probe::Http {
            path: plain(probe.path)?.0,
            host: plain(probe.host).map(|host| host.0),
            status: plain(probe.status)?.into(),
        },
    };
    Some(Health {
        probe,
        every,
        timeout: plain(raw.timeout).map_or(USUAL_TIMEOUT.min(every), |timeout| timeout.0),
        healthy: plain(raw.healthy)?.into(),
        unhealthy: plain(raw.unhealthy)?.into(),
    })
}
