//! Copies of requests: whether there is a release for them.

use crate::raw::RawShadow;
use crate::read::{At, Context, plain};
use stagegate_rollout::ReleaseName;
use stagegate_settings::Shadow;
use std::collections::BTreeSet;

/// `Some(None)` where nothing is copied.
pub(crate) fn shadow(
    raw: Option<At<RawShadow>>,
    declared: &BTreeSet<ReleaseName>,
    stable: Option<&At<ReleaseName>>,
    cx: &mut Context<'_>,
) -> Option<Option<Shadow>> {
    let Some(At { value: raw, .. }) = raw else { return Some(None) };
    let release = raw.release?;
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
    Some(Some(Shadow {
        release: release.value,
        fraction: plain(raw.fraction)?,
        methods: plain(raw.methods)?.0.into_iter().map(|at| at.value.0).collect(),
        paths: plain(raw.paths)?.0.into_iter().map(|at| at.value).collect(),
        in_flight: plain(raw.in_flight)?.into(),
        body: plain(raw.body)?.into(),
        timeout: plain(raw.timeout)?.0,
        score: plain(raw.score)?,
    }))
}
