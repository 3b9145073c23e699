//! Tracing: a collector that is reached in one way only.

use super::tls;
use crate::raw::RawTracing;
use crate::read::{At, Context, plain};
use crate::{TraceProtocol, Tracing};
use stagegate_settings::UpstreamTls;

pub(crate) fn tracing(at: At<RawTracing>, cx: &mut Context<'_>) -> Option<Tracing> {
    let raw = at.value;
    let tls = match raw.tls {
        None => Some(None),
        Some(at) => {
            let site = at.site.clone();
            tls::upstream(at, cx).map(|tls| Some((tls, site)))
        }
    };
    let At { value: endpoint, site } = raw.endpoint?;
    let protocol = plain(raw.protocol)?;
    if protocol == TraceProtocol::Grpc && !endpoint.0.path.is_empty() {
        cx.problem(&site, "has a path, and gRPC knows none", "end it after the port");
        return None;
    }
    let tls = match tls? {
        Some((_, site)) if !endpoint.0.tls => {
            let hint = "write `https://` in `endpoint`, or remove it";
            cx.problem(&site, "is for an `https://` collector, and this is none", hint);
            return None;
        }
        Some((tls, _)) => Some(tls),
        None => endpoint.0.tls.then(UpstreamTls::default),
    };
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
