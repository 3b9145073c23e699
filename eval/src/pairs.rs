//! One request, two answers: how a shadow release does against the release that served.

use crate::results::share::Share;

/// Pairs that differ for which the interval is narrowest.
const TYPICAL: f64 = 100.0;

/// The result of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairResult {
    /// Both answers pass.
    BothPass,
    /// Only the answer that was served passes.
    OnlyStable,
    /// Only the shadow's answer passes.
    OnlyShadow,
    /// Neither passes.
    BothFail,
    /// One of them has no verdict.
    Unscored,
}

impl PairResult {
    /// Every result.
    pub const ALL: [Self; 5] =
        [Self::BothPass, Self::OnlyStable, Self::OnlyShadow, Self::BothFail, Self::Unscored];

    /// The result of two verdicts; none is unscored.
    #[must_use]
    pub const fn of(stable: Option<bool>, shadow: Option<bool>) -> Self {
        match (stable, shadow) {
            (Some(true), Some(true)) => Self::BothPass,
            (Some(true), Some(false)) => Self::OnlyStable,
            (Some(false), Some(true)) => Self::OnlyShadow,
            (Some(false), Some(false)) => Self::BothFail,
            _ => Self::Unscored,
        }
    }

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BothPass => "both_pass",
            Self::OnlyStable => "only_stable",
            Self::OnlyShadow => "only_shadow",
            Self::BothFail => "both_fail",
            Self::Unscored => "unscored",
        }
    }
}

/// Pairs by their result. Merges by addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTally([u64; PairResult::ALL.len()]);

impl PairTally {
    /// Adds pairs with one result.
    pub const fn add(&mut self, result: PairResult, pairs: u64) {
        self.0[result as usize] += pairs;
    }

    /// The number of had this result.
    #[must_use]
    pub const fn count(&self, result: PairResult) -> u64 {
        self.0[result as usize]
    }

    /// Of the pairs that differ, the share that the shadow lost, with bounds that hold however
    /// often one looks (95%); half is neither better nor worse. None where no pair differs.
    ///
    /// Pairs on which both agree say nothing of a difference (McNemar 1947): what is left is a
    /// coin, thrown once for each pair that differs.
    #[must_use]
    pub fn lost(&self) -> Option<Share> {
        let lost = self.count(PairResult::OnlyStable);
        Share::narrowest_at(TYPICAL, lost, self.count(PairResult::OnlyShadow))
    }
}

#[cfg(test)]
mod tests {
    use super::{PairResult, PairTally};

    fn tally(only_stable: u64, only_shadow: u64, agreed: u64) -> PairTally {
        let mut tally = PairTally::default();
        tally.add(PairResult::OnlyStable, only_stable);
        tally.add(PairResult::OnlyShadow, only_shadow);
        tally.add(PairResult::BothPass, agreed);
        tally
    }

    #[test]
    fn two_verdicts_make_one_result() {
        let of = |stable, shadow| PairResult::of(stable, shadow).label();
        assert_eq!(of(Some(true), Some(true)), "both_pass");
        assert_eq!(of(Some(true), Some(false)), "only_stable");
        assert_eq!(of(Some(false), Some(true)), "only_shadow");
        assert_eq!(of(Some(false), Some(false)), "both_fail");
        assert_eq!(of(None, Some(true)), "unscored");
        assert_eq!(of(Some(false), None), "unscored");
    }

    #[test]
    fn agreement_says_nothing_and_a_few_differences_little() {
        assert!(tally(0, 0, 10_000).lost().is_none());
        let few = tally(3, 1, 0).lost().expect("some differ");
        assert!((few.estimate - 0.75).abs() < 1e-9, "{few:?}");
        assert!(few.lower < 0.5 && few.upper > 0.5, "{few:?}");
        let many = tally(60, 10, 0).lost().expect("some differ");
        assert!(many.lower > 0.5, "clearly worse: {many:?}");
        assert_eq!(tally(60, 10, 0).lost(), tally(60, 10, 1000).lost());
    }
}
