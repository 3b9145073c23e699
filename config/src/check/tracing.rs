//! Tracing: a collector that is reached in one way only.

use super::tls;
use crate::raw::{RawTracing, RawUpstreamTls};
use crate::read::{At, Context, plain};
use crate::{TraceProtocol, Tracing};
use stagegate_settings::UpstreamTls;

pub(crate) fn tracing(at: At<RawTracing>, cx: &mut Context<'_>) -> Option<Tracing> {
    let raw = at.value;
    let At { value: endpoint, site } = raw.endpoint?;
    let protocol = plain(raw.protocol)?;
    if protocol == TraceProtocol::Grpc && !endpoint.0.path.is_empty() {
        cx.problem(&site, "has a path, and gRPC knows none", "end it after the port");
        return None;
    }
    let tls = towards(raw.tls, endpoint.0.tls, cx)?;
    let headers = plain(raw.headers)?.0.into_iter();
    let resource = plain(raw.resource)?.0.into_iter();
    Some(Tracing {
        endpoint: endpoint.0,
        protocol,
        sample: plain(raw.sample)?,
        parents: plain(raw.parents)?,
        headers: headers.map(|(name, value)| (name.value.0, value.value.0)).collect(),
        timeout: plain(raw.timeout)?.0,
        service_name: plain(raw.service_name)?.0,
        resource: resource.map(|(name, value)| (name.value.0, value.value.0)).collect(),
        tls,
    })
}

/// TLS towards a collector, whose URL says if it is spoken.
pub(super) fn towards(
    raw: Option<At<RawUpstreamTls>>,
    is_https: bool,
    cx: &mut Context<'_>,
) -> Option<Option<UpstreamTls>> {
    let Some(at) = raw else { return Some(is_https.then(UpstreamTls::default)) };
    let site = at.site.clone();
    let tls = tls::upstream(at, cx)?;
    if !is_https {
        let hint = "write `https://` in `endpoint`, or remove it";
        cx.problem(&site, "is for an `https://` collector, and this is none", hint);
        return None;
    }
    Some(Some(tls))
}
