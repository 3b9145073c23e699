//! Copies of requests: from checked configuration to what the data plane is told.

use stagegate_config as config;
use stagegate_proxy as proxy;
use stagegate_rollout::Salt;
use std::sync::Arc;

/// What the data plane is told of a workload's copies. The salt is the workload's with a prefix that
/// no other decision has: with the split's own salt, a 1% shadow would be the 1% candidate.
pub(crate) fn settings(
    workload: &config::Workload,
    shadow: &config::ShadowSettings,
) -> proxy::ShadowSettings {
    let path = |path: &config::SafePath| match path {
        config::SafePath::Exactly(path) => proxy::SafePath::Exactly(path.clone()),
        config::SafePath::Below(path) => proxy::SafePath::Below(path.clone()),
    };
    proxy::ShadowSettings {
        release: shadow.release.clone(),
        salt: Salt::new(&format!("shadow:{}:", workload.spec.name)),
        fraction: shadow.fraction,
        methods: shadow.methods.clone(),
        paths: shadow.paths.iter().map(path).collect(),
        in_flight: shadow.in_flight,
        body_limit: shadow.body as usize,
        timeout: shadow.timeout,
        scored: workload
            .scores_pairs()
            .then(|| Arc::new(proxy::Quota::new(workload.eval.max_rate))),
    }
}
