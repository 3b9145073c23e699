//! Releases: endpoints and pins.

use crate::raw::{RawArtifact, RawRelease};
use crate::read::{At, Context, Map, plain};
use crate::{Artifact, Endpoint, Origin, Release};
use stagegate_rollout::ReleaseName;
use std::collections::BTreeMap;

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

fn release(raw: RawRelease, cx: &mut Context<'_>) -> Option<Release> {
    let artifact = plain(raw.artifact).and_then(|raw| artifact(raw, cx));
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
        notes: plain(raw.notes).map(|text| text.0),
    })
}
