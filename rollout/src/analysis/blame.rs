//! What explains most of a difference between the arms.

use serde::{Deserialize, Serialize};
use stagegate_sequential::{Alpha, Tally, interval};
use std::fmt;

/// Fewer units of an arm explain nothing.
const LEAST: u64 = 20;
/// A smaller part of the difference is not worth a line.
const LEAST_SHARE: f64 = 0.3;
/// Its part of the difference must be so many times its part of the traffic.
const CONCENTRATED: f64 = 1.25;
/// Lines that are shown.
const NAMED: usize = 3;

/// A part of the traffic, a kind of failure or a stage, and how much of the difference it explains. Shares are
/// from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    /// Its name: `model gpt-5`, `status 500`, `stage retrieve`.
    pub what: String,
    /// The part of the difference that is gone without it.
    pub share: f64,
    /// Bounds of it, with 95% at one look.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

impl Blame {
    /// The most telling ones, the first being the most. Those that say little are left out.
    pub(super) fn most(mut all: Vec<Self>) -> Vec<Self> {
        all.retain(|it| it.share >= LEAST_SHARE && it.low > 0.0);
        all.sort_by(|a, b| b.share.total_cmp(&a.share));
        all.truncate(NAMED);
        all
    }

    /// A stage of the answers: by how much it takes longer than on stable, with its standard error, in the unit
    /// of the whole difference.
    pub(super) fn of_stage(stage: &str, (longer, error): (f64, f64), whole: f64) -> Option<Self> {
        (whole > 0.0).then(|| {
            let part = |of: f64| (of / whole).clamp(0.0, 1.0);
            let (low, high) = (part(longer - 2.0 * error), part(longer + 2.0 * error));
            Self { what: format!("stage {stage}"), share: part(longer), low, high }
        })
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [share, low, high] = [self.share, self.low, self.high].map(|it| it * 100.0);
        write!(f, "{} explains {share:.0}% [{low:.0}%, {high:.0}%] of the difference", self.what)
    }
}

/// The failures that the candidate has beyond stable's share.
pub(super) struct Excess {
    failed: f64,
    candidate: (u64, u64),
    stable: (u64, u64),
}

impl Excess {
    /// `None` if there are none beyond chance. Units, and failed ones.
    pub(super) fn of(candidate: (u64, u64), stable: (u64, u64)) -> Option<Self> {
        if candidate.0.min(stable.0) < LEAST {
            return None;
        }
        let bounds = interval::difference(tally(candidate), tally(stable), Alpha::PROMOTION);
        let failed = beyond(candidate, stable);
        (bounds.low > 0.0).then_some(Self { failed, candidate, stable })
    }

    /// A part of the traffic; `None` if its part of the excess is hardly more than its part of the traffic.
    pub(super) fn of_part(
        &self,
        what: String,
        candidate: (u64, u64),
        stable: (u64, u64),
    ) -> Option<Blame> {
        if candidate.0 == 0 || stable.0 == 0 {
            return None;
        }
        let share = beyond(candidate, stable) / self.failed;
        let of_traffic = candidate.0 as f64 / self.candidate.0 as f64;
        let concentrated = share.min(1.0) >= (CONCENTRATED * of_traffic).min(1.0);
        let is_whole = of_traffic > 1.0 / CONCENTRATED;
        (concentrated && !is_whole).then(|| self.blame(what, share, candidate, stable))
    }

    /// Failures of one kind among all units.
    pub(super) fn of_kind(&self, what: String, candidate: u64, stable: u64) -> Option<Blame> {
        let (own, other) = ((self.candidate.0, candidate), (self.stable.0, stable));
        let share = beyond(own, other) / self.failed;
        (share > 0.0).then(|| self.blame(what, share, own, other))
    }

    fn blame(&self, what: String, share: f64, candidate: (u64, u64), stable: (u64, u64)) -> Blame {
        let bounds = interval::difference(tally(candidate), tally(stable), Alpha::PROMOTION);
        let part =
            |difference: f64| (difference * candidate.0 as f64 / self.failed).clamp(0.0, 1.0);
        let (low, high) = (part(bounds.low), part(bounds.high));
        Blame { what, share: share.clamp(0.0, 1.0), low, high }
    }
}

/// Failures of the candidate beyond what stable's share makes of its units.
fn beyond(candidate: (u64, u64), stable: (u64, u64)) -> f64 {
    candidate.1 as f64 - candidate.0 as f64 * stable.1 as f64 / stable.0 as f64
}

fn tally((n, bad): (u64, u64)) -> Tally {
    Tally::of(bad.min(n), n).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Blame, Excess};

    #[test]
    fn a_kind_of_failure_that_both_arms_have_explains_nothing() {
        let excess = Excess::of((1000, 60), (9000, 180)).expect("6% beside 2%");
        let same = excess.of_kind("status 503".into(), 20, 180);
        assert!(same.is_none(), "{same:?}");
        let new = excess.of_kind("status 500".into(), 40, 0).expect("all of it");
        assert!((new.share - 1.0).abs() < 1e-9 && new.low > 0.6, "{new}");
        assert_eq!(new.to_string().split(" explains").next(), Some("status 500"));
    }

    #[test]
    fn without_a_difference_there_is_nothing_to_explain() {
        assert!(Excess::of((1000, 22), (9000, 180)).is_none());
        assert!(Excess::of((5, 5), (9000, 0)).is_none(), "too few");
    }

    #[test]
    fn a_part_with_its_share_of_the_difference_is_not_blamed() {
        let excess = Excess::of((1000, 60), (9000, 180)).expect("6% beside 2%");
        assert!(excess.of_part("model a".into(), (500, 30), (4500, 90)).is_none());
        let all = excess.of_part("model b".into(), (100, 42), (900, 18)).expect("most of it");
        assert!((all.share - 1.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn stages_are_parts_of_the_longer_time() {
        let slow = Blame::of_stage("retrieve", (90.0, 5.0), 100.0).expect("longer");
        assert_eq!((slow.share, slow.low, slow.high), (0.9, 0.8, 1.0));
        assert!(Blame::of_stage("plan", (90.0, 5.0), -1.0).is_none());
        let few = Blame::of_stage("plan", (10.0, 1.0), 100.0).expect("a little");
        assert_eq!(Blame::most(vec![few, slow.clone()]), [slow]);
    }
}
