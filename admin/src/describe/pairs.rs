//! Judged pairs as the API shows them.

use super::results::bounded;
use stagegate_api::{LostPair, ShadowPairs};
use stagegate_eval::{PairResult, PairTally};
use stagegate_store::{PairCount, StoredPair};

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
