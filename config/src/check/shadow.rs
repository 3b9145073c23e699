//! Copies of requests: whether there is a release for them, and room.

use super::plain;
use crate::ShadowSettings;
use crate::raw::RawShadow;
use crate::read::{At, Context};
use stagegate_rollout::ReleaseName;
use std::collections::BTreeSet;

/// Largest body that can be copied.
const MAX_BODY: u64 = 64 << 20;

/// `Some(None)` where nothing is copied.
pub(crate) fn settings(
    raw: Option<At<RawShadow>>,
    declared: &BTreeSet<ReleaseName>,
    stable: Option<&At<ReleaseName>>,
    cx: &mut Context<'_>,
) -> Option<Option<ShadowSettings>> {
    let Some(At { value: raw, .. }) = raw else { return Some(None) };
    let (release, body) = (raw.release?, raw.body?);
    if stable.is_some_and(|stable| stable.value == release.value) {
        let hint = "name the release that is to be compared with it";
        cx.problem(&release.site, "is the stable release, which serves these requests", hint);
        return None;
    }
    if !declared.is_empty() && !declared.contains(&release.value) {
        let known: Vec<&str> = declared.iter().map(ReleaseName::as_str).collect();
        let hint = format!("write one of: {}", known.join(", "));
        cx.problem(&release.site, "is not among the workload's releases", hint);
        return None;
    }
    if !(1..=MAX_BODY).contains(&body.value.0) {
        let hint = "write a size from `1B` to `64MiB`";
        cx.problem(&body.site, "is not a size from 1B to 64MiB", hint);
        return None;
    }
    Some(Some(ShadowSettings {
        release: release.value,
        fraction: plain(raw.fraction)?,
        methods: plain(raw.methods)?.0.into_iter().map(|at| at.value.0).collect(),
        paths: plain(raw.paths)?.0.into_iter().map(|at| at.value).collect(),
        in_flight: plain(raw.in_flight)?.0 as u32,
        body: body.value.0,
        timeout: plain(raw.timeout)?.0,
        score: plain(raw.score)?,
    }))
}
