//! Releases: endpoints and pins.

use crate::raw::{RawArtifact, RawPathPrefix, RawRelease};
use crate::read::{At, Context, Map, Site, plain};
use crate::{Artifact, Endpoint, Origin, PinnedRequest, Release};
use stagegate_rollout::ReleaseName;
use stagegate_settings::{BodyChange, PathChange, RequestChanges};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every release of a workload; those that could not be read are left out (and reported).
pub(crate) fn releases(
    raw: Option<At<Map<ReleaseName, RawRelease>>>,
    cx: &mut Context<'_>,
) -> Option<BTreeMap<ReleaseName, Release>> {
    let At { value: Map(entries), site } = raw?;
    if entries.is_empty() {
        cx.problem(
            &site,
            "has no release",
            "add one, like `v1: { endpoints: [\"http://10.0.0.1:9001\"] }`",
        );
        return None;
    }
    let mut all = true;
    let mut out = BTreeMap::new();
    for (name, raw) in entries {
        match release(raw.value, cx) {
            Some(release) => drop(out.insert(name.value, release)),
            None => all = false,
        }
    }
    all.then_some(out)
}

fn release(mut raw: RawRelease, cx: &mut Context<'_>) -> Option<Release> {
    let request = request(&mut raw, cx);
    let artifact = plain(raw.artifact).and_then(|raw| artifact(raw, cx));
    let artifact = artifact
        .zip(request)
        .map(|(artifact, changes)| Artifact { request: PinnedRequest::new(changes), ..artifact });
    let mut endpoints = Vec::new();
    for At { value, site } in plain(raw.endpoints)?.0 {
        if endpoints.contains(&value) {
            cx.problem(&site, "is listed twice", "remove one of the two");
        } else {
            endpoints.push(value);
        }
    }
    let upstream_tls = match raw.upstream_tls {
        None => None,
        Some(at) => {
            if !endpoints.iter().any(Endpoint::is_tls) {
                cx.warn(
                    &at.site.without_value(),
                    "is not used by any endpoint",
                    "write `https://` or `h2://` where the endpoint speaks TLS",
                );
            }
            Some(super::tls::upstream(at, cx)?)
        }
    };
    Some(Release { endpoints, artifact: artifact?, origin: Origin::File, upstream_tls })
}

/// Headers that the proxy itself writes, or that belong to a connection.
fn is_own(name: &str) -> bool {
    const OWN: [&str; 16] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "keep-alive",
        "proxy-connection",
        "x-request-id",
        "via",
        "forwarded",
        "traceparent",
        "tracestate",
        "baggage",
    ];
    OWN.contains(&name) || name.starts_with("stagegate-") || name.starts_with("x-forwarded-")
}

/// What its requests are changed by.
fn request(raw: &mut RawRelease, cx: &mut Context<'_>) -> Option<RequestChanges> {
    let mut good = true;
    let refuse = |site: &Site, name: &str, cx: &mut Context<'_>| {
        let hint =
            if name == "host" { "use `host`" } else { "the proxy writes this header itself" };
        cx.problem(site, "cannot be changed for a release", hint);
    };
    let mut set_headers: Vec<(String, String)> = Vec::new();
    for (name, value) in plain(raw.set_headers.take())?.0 {
        if is_own(&name.value.0) {
            refuse(&name.site, &name.value.0, cx);
            good = false;
        }
        set_headers.push((name.value.0, value.value.0));
    }
    let mut remove_headers = Vec::new();
    for name in plain(raw.remove_headers.take())? {
        if is_own(&name.value.0) {
            refuse(&name.site, &name.value.0, cx);
            good = false;
        } else if set_headers.iter().any(|(set, _)| *set == name.value.0) {
            cx.problem(&name.site, "is set by `set_headers` too", "keep one of the two");
            good = false;
        }
        remove_headers.push(name.value.0);
    }
    let without_slash = |path: String| path.trim_end_matches('/').to_owned();
    let path_prefix = match plain(raw.path_prefix.take()) {
        None => None,
        Some(RawPathPrefix::Before(prefix)) => {
            Some(PathChange { from: String::new(), to: without_slash(prefix.0) })
        }
        Some(RawPathPrefix::Change(change)) => Some(PathChange {
            from: without_slash(plain(change.from)?.0),
            to: without_slash(plain(change.to)?.0),
        }),
    };
    let query = plain(raw.query.take())?.0;
    let mut set_body = None;
    for (member, value) in plain(raw.set_body.take())?.0 {
        if set_body.is_some() {
            cx.problem(&member.site, "is a second member", "set one member of the body");
            good = false;
        }
        let (member, value) = (member.value.0, value.value.0.to_string());
        set_body = Some(Arc::new(BodyChange { member, value }));
    }
    let mut flags = Vec::new();
    for (key, variant) in plain(raw.flags.take())?.0 {
        if !cx.has_flags {
            let hint = "add a section `flags` with `files`";
            cx.problem(&key.site, "names a flag, and there are no flags", hint);
        } else if key.value.0 == "*" {
            cx.problem(&key.site, "is no key of one flag", "name each flag with its variant");
            good = false;
        }
        flags.push((key.value.0, variant.value.0));
    }
    let changes = RequestChanges {
        set_headers,
        remove_headers,
        path_prefix: path_prefix.filter(|change| change.from != change.to),
        query: query.into_iter().map(|(name, value)| (name.value.0, value.value.0)).collect(),
        host: plain(raw.host.take()).map(|host| host.0),
        set_body,
        flags,
    };
    good.then_some(changes)
}

fn artifact(raw: RawArtifact, cx: &mut Context<'_>) -> Option<Artifact> {
    if let (Some(_), Some(git)) = (&raw.git_tag, &raw.git) {
        cx.problem(
            &git.site,
            "is given beside `git_tag`, which means the same",
            "keep one of the two",
        );
    }
    Some(Artifact {
        model: plain(raw.model).map(|text| text.0),
        prompt: plain(raw.prompt).map(|text| text.0),
        tools: plain(raw.tools).map(|text| text.0),
        git_tag: plain(raw.git_tag.or(raw.git)).map(|text| text.0),
        digest: plain(raw.digest).map(|text| text.0),
        request: None,
        notes: plain(raw.notes).map(|text| text.0),
    })
}
