//! Copies of requests: from checked configuration to what the data plane is told, and from judged
//! pairs to what the API shows.

use crate::results::bounded;
use stagegate_api::{LostPair, ShadowPairs};
use stagegate_config as config;
use stagegate_eval::{PairResult, PairTally};
use stagegate_proxy as proxy;
use stagegate_rollout::Salt;
use stagegate_store::{PairCount, StoredPair};
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

/// Counted pairs by their releases, in the order in which these first occur.
pub(crate) fn compared(counts: &[PairCount]) -> Vec<ShadowPairs> {
    let mut tallies: Vec<((&str, &str), PairTally)> = Vec::new();
    for count in counts {
        let releases = (count.stable_release.as_str(), count.shadow_release.as_str());
        let at = tallies.iter().position(|(of, _)| *of == releases).unwrap_or_else(|| {
            tallies.push((releases, PairTally::default()));
            tallies.len() - 1
        });
        tallies[at].1.add(PairResult::of(count.stable_pass, count.shadow_pass), count.pairs);
    }
    let shown = |((stable, shadow), tally): ((&str, &str), PairTally)| ShadowPairs {
        stable_release: stable.to_owned(),
        shadow_release: shadow.to_owned(),
        both_pass: tally.count(PairResult::BothPass),
        only_stable: tally.count(PairResult::OnlyStable),
        only_shadow: tally.count(PairResult::OnlyShadow),
        both_fail: tally.count(PairResult::BothFail),
        unscored: tally.count(PairResult::Unscored),
        lost: tally.lost().map(bounded),
    };
    tallies.into_iter().map(shown).collect()
}

/// A pair that the shadow lost.
pub(crate) fn lost(pair: StoredPair) -> LostPair {
    LostPair { stable: pair.stable, shadow: pair.shadow, shadow_release: pair.shadow_release }
}
