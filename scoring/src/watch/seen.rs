//! What was seen of one workload's samples, and the doubt that follows from it. Pure.

use stagegate_eval::{Health, HealthLimits, JudgeCounts, Tally, judge_health};
use stagegate_rollout::{Arm, Doubt, DoubtKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of pieces that the present window is counted in.
pub(super) const PIECES: u64 = 15;
/// The least number of dropped answers that is a reason for doubt.
const LEAST_LOST: u64 = 10;
/// A share of dropped answers up to this is no reason for doubt.
const MOST_LOST: f64 = 0.1;
/// The most characters of a scorer's own message that are shown.
const LONGEST_WHY: usize = 160;

/// The results of one arm's samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Came {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) unscored: u64,
}

impl Came {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unscored += other.unscored;
    }

    fn tally(self) -> Tally {
        let Self { passed, failed, unscored } = self;
        Tally { passed, failed, unscored, ..Tally::default() }
    }
}

/// One piece of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    /// By [`place`].
    pub(super) arms: [Came; 2],
    pub(super) accepted: u64,
    pub(super) lost: u64,
}

/// One workload.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By number; enough for the present window and the usual share.
    pub(super) pieces: BTreeMap<u64, Piece>,
    /// The releases that were sampled last, by [`place`]. Another release starts from zero.
    pub(super) releases: [Option<Arc<str>>; 2],
    /// The begin of the time without a verdict, and the number of samples in it.
    pub(super) silent_since_ms: Option<u64>,
    pub(super) unanswered: u64,
    /// The reason why the newest of them has none.
    pub(super) why: String,
    /// The error that keeps samples or scores from being stored.
    pub(super) refused: Option<String>,
    pub(super) budget_is_gone: bool,
    /// The time of the last verdict.
    pub(super) scored_ms: Option<u64>,
}

pub(super) const fn place(arm: Arm) -> usize {
    match arm {
        Arm::Stable => 0,
        Arm::Candidate => 1,
    }
}

impl Seen {
    pub(super) fn doubt(&self, limits: &HealthLimits, now_ms: u64) -> Option<Doubt> {
        let doubt = |kind, words| Some(Doubt { kind, words });
        if let Some(why) = &self.refused {
            return doubt(DoubtKind::Store, format!("samples cannot be kept: {why}"));
        }
        if self.budget_is_gone {
            let words = "its budget of the day is spent; sampling goes on at midnight UTC, or with \
                         a larger budget";
            return doubt(DoubtKind::Budget, words.to_owned());
        }
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        match judge_health(&self.counts(limits, now_ms), limits, now_ms) {
            Health::Silent { for_ms } => {
                let (count, length) = (self.unanswered, seconds(for_ms));
                let why = if self.why.is_empty() { "it does not answer" } else { &self.why };
                let words = format!("no verdict on any of {count} samples for {length}: {why}");
                return doubt(DoubtKind::Silent, words);
            }
            Health::Drifted { usual, now } => {
                let (now, usual) = (percent(now), percent(usual));
                let words = format!("it passes {now} of stable where {usual} is usual");
                return doubt(DoubtKind::Drift, words);
            }
            Health::Uneven { stable, candidate } if self.lost(limits, now_ms).is_none() => {
                let (stable, candidate) = (percent(stable), percent(candidate));
                let words = format!(
                    "{stable} of stable's samples got a verdict, {candidate} of the candidate's"
                );
                return doubt(DoubtKind::Uneven, words);
            }
            Health::Good | Health::Uneven { .. } => {}
        }
        let share = percent(self.lost(limits, now_ms)?);
        doubt(DoubtKind::Behind, format!("{share} of the picked answers found no room"))
    }

    fn counts(&self, limits: &HealthLimits, now_ms: u64) -> JudgeCounts {
        let first = (now_ms / piece_ms(limits)).saturating_sub(PIECES);
        let mut now = [Came::default(); 2];
        let mut before: BTreeMap<u64, Came> = BTreeMap::new();
        for (at, piece) in &self.pieces {
            if *at > first {
                now.iter_mut().zip(piece.arms).for_each(|(sum, came)| sum.add(came));
            } else {
                before.entry((first - at) / PIECES).or_default().add(piece.arms[0]);
            }
        }
        JudgeCounts {
            stable: now[0].tally(),
            candidate: now[1].tally(),
            usual: usual(before.into_values().collect()).tally(),
            silent_since_ms: self.silent_since_ms,
            unanswered: self.unanswered,
        }
    }

    /// The recent share of dropped answers, if it is large.
    fn lost(&self, limits: &HealthLimits, now_ms: u64) -> Option<f64> {
        let first = now_ms.saturating_sub(limits.silence_ms) / piece_ms(limits);
        let (mut lost, mut all) = (0, 0);
        for (_, piece) in self.pieces.range(first..) {
            lost += piece.lost;
            all += piece.lost + piece.accepted;
        }
        let share = lost as f64 / all.max(1) as f64;
        (lost >= LEAST_LOST && share > MOST_LOST).then_some(share)
    }
}

/// As many samples as all windows have, with the pass rate of the median window. So one bad hour
/// does not become usual.
fn usual(mut windows: Vec<Came>) -> Came {
    let scored = |it: &Came| it.passed + it.failed;
    let share = |it: &Came| it.passed as f64 / scored(it).max(1) as f64;
    windows.retain(|window| scored(window) > 0);
    windows.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let all: u64 = windows.iter().map(scored).sum();
    let mut before = 0;
    let median = windows.iter().find(|window| {
        before += scored(window);
        2 * before >= all
    });
    let passed = median.map_or(0, |window| (share(window) * all as f64).round() as u64);
    Came { passed, failed: all - passed.min(all), unscored: 0 }
}

pub(super) fn piece_ms(limits: &HealthLimits) -> u64 {
    (limits.window_ms / PIECES).max(1)
}

pub(super) fn seconds(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds => format!("{}m", seconds / 60),
    }
}

pub(super) fn clip(text: &str) -> String {
    text.chars().take(LONGEST_WHY).collect()
}
