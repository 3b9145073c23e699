//! How much of the traffic of the last minutes has a known cost, and what the rest lacks.
//!
//! Kept in two halves of ten minutes, so that a price list that was mended is believed soon.

use stagegate_readiness::SpendSeen;
use stagegate_rollout::{CostTruth, Delta, Outcome, Unpriced};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Length of a half.
const HALF: Duration = Duration::from_secs(600);
/// Reasons and models of one workload that are told apart in a half.
const MAX_CAUSES: usize = 64;
/// Causes that are named in a sentence.
const NAMED: usize = 3;
/// Shorter observation tells no daily spend, in seconds.
const SHORTEST: f64 = 10.0;
/// Fewer finished requests say nothing about what is never known.
const FEW: u64 = 50;

/// What was counted of one workload in a half.
#[derive(Clone, Debug, Default)]
struct Counted {
    /// Finished requests that a release answered.
    answered: u64,
    /// Those whose cost is known.
    known: u64,
    /// Their sum in billionths of a dollar.
    nanos: u64,
    /// Those whose cost should be known and is not.
    unknown: u64,
    causes: BTreeMap<(Unpriced, Arc<str>), u64>,
}

impl Counted {
    fn merge(&mut self, other: &Self) {
        self.answered += other.answered;
        self.known += other.known;
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.unknown += other.unknown;
        for (cause, count) in &other.causes {
            *self.causes.entry(cause.clone()).or_default() += count;
        }
    }
}

/// A half and the one before it.
#[derive(Debug, Default)]
struct Halves {
    began: Option<Instant>,
    present: BTreeMap<Arc<str>, Counted>,
    before: BTreeMap<Arc<str>, Counted>,
    /// Length of the half before.
    before_for: Duration,
}

/// The costs of every workload in the last ten to twenty minutes.
#[derive(Debug, Default)]
pub(super) struct CostBook(Mutex<Halves>);

impl CostBook {
    /// Takes a worker's counts in.
    pub(super) fn count(&self, delta: &Delta, now: Instant) {
        let mut halves = self.lock();
        halves.turn(now);
        for (key, series) in &delta.series {
            let counted = halves.present.entry(Arc::clone(&key.workload)).or_default();
            let gone = series.outcomes[Outcome::ClientGone.index()];
            counted.answered += series.requests().saturating_sub(gone);
            let unknown = series.costs[CostTruth::Unknown.index()];
            counted.unknown += unknown;
            counted.known += series.costs.iter().sum::<u64>().saturating_sub(unknown);
            let spent = series.spent_nanos.iter().fold(0_u64, |sum, it| sum.saturating_add(*it));
            counted.nanos = counted.nanos.saturating_add(spent);
        }
        for ((workload, why, model), count) in &delta.unpriced {
            let counted = halves.present.entry(Arc::clone(workload)).or_default();
            let cause = (*why, Arc::clone(model));
            if counted.causes.len() < MAX_CAUSES || counted.causes.contains_key(&cause) {
                *counted.causes.entry(cause).or_default() += count;
            }
        }
    }

    /// What is not known of a workload's costs, and the remedy; none where all is known.
    pub(super) fn unknown(&self, workload: &str, now: Instant) -> Option<String> {
        let counted = self.counted(workload, now);
        if counted.unknown == 0 {
            return None;
        }
        let all = counted.known + counted.unknown;
        Some(format!(
            "the cost of {} of {all} responses is unknown: {}; {}",
            counted.unknown,
            causes(&counted),
            remedy(&counted)
        ))
    }

    /// Why no gate on costs could be measured, and the remedy; none where some cost is known, or
    /// where too few requests came to say.
    pub(super) fn hopeless(&self, workload: &str, now: Instant) -> Option<String> {
        let counted = self.counted(workload, now);
        if counted.known > 0 || counted.answered < FEW {
            return None;
        }
        let said = if counted.unknown == 0 {
            "they state no usage that is understood".to_owned()
        } else {
            causes(&counted)
        };
        Some(format!(
            "the cost of none of the last {} responses is known: {said}; {}",
            counted.answered,
            remedy(&counted)
        ))
    }

    /// Finished requests a second in the last ten to twenty minutes.
    pub(super) fn rate(&self, workload: &str, now: Instant) -> f64 {
        let counted = self.counted(workload, now);
        let watched = self.lock().watched(now).as_secs_f64();
        if watched > 0.0 { counted.answered as f64 / watched } else { 0.0 }
    }

    /// The dollars of a day at the rate of the last ten to twenty minutes.
    pub(super) fn daily(&self, workload: &str, now: Instant) -> SpendSeen {
        if let Some(why) = self.hopeless(workload, now) {
            return SpendSeen::Unknown(why);
        }
        let counted = self.counted(workload, now);
        let watched = self.lock().watched(now).as_secs_f64();
        if counted.known < FEW || watched < SHORTEST {
            return SpendSeen::TooFew;
        }
        // What is not known costs as much as what is.
        let all = (counted.known + counted.unknown) as f64 / counted.known as f64;
        SpendSeen::Daily(counted.nanos as f64 / 1e9 * all / watched * 86_400.0)
    }

    fn counted(&self, workload: &str, now: Instant) -> Counted {
        let mut halves = self.lock();
        halves.turn(now);
        let mut sum = halves.present.get(workload).cloned().unwrap_or_default();
        if let Some(before) = halves.before.get(workload) {
            sum.merge(before);
        }
        sum
    }

    /// Sums hold no invariant that a panic elsewhere could have broken.
    fn lock(&self) -> MutexGuard<'_, Halves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    /// The time that the counts are of.
    fn watched(&self, now: Instant) -> Duration {
        let present =
            self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        present + self.before_for
    }

    /// Begins another half when the present one is over.
    fn turn(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < HALF {
            return;
        }
        let present = std::mem::take(&mut self.present);
        self.before = if passed < HALF * 2 { present } else { BTreeMap::new() };
        self.before_for = if passed < HALF * 2 { passed } else { Duration::ZERO };
        self.began = Some(now);
    }
}

/// The commonest causes, in words.
fn causes(counted: &Counted) -> String {
    let mut causes: Vec<_> = counted.causes.iter().collect();
    causes.sort_by(|one, other| other.1.cmp(one.1));
    let mut text = String::new();
    for ((why, model), count) in causes.iter().take(NAMED) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let _ = match why {
            Unpriced::NotListed => {
                write!(text, "the price list does not have the model `{model}` ({count})")
            }
            Unpriced::NoModel => write!(text, "nothing names the model ({count})"),
            Unpriced::Unfinished => write!(text, "the answer is made later ({count})"),
            Unpriced::Unread => write!(text, "the body could not be read ({count})"),
        };
    }
    let rest = causes.len().saturating_sub(NAMED);
    if rest > 0 {
        let _ = write!(text, ", and {rest} other causes");
    }
    text
}

/// What a person can do about the commonest causes.
fn remedy(counted: &Counted) -> &'static str {
    let has = |wanted: Unpriced| counted.causes.keys().any(|(why, _)| *why == wanted);
    if has(Unpriced::NotListed) {
        "set `cost.prices` to a list that has it, or let the backend send `Agent-Cost-Usd`; `stagegate price` explains"
    } else {
        "let the backend send `Agent-Cost-Usd`; `stagegate price` explains"
    }
}

#[cfg(test)]
mod tests {
    use super::{CostBook, HALF, SpendSeen};
    use stagegate_rollout::{Arm, CostTruth, Delta, Outcome, Series, SeriesKey, Unpriced};
    use std::time::Instant;

    fn delta(ok: u64, known: u64, unknown: &[(Unpriced, &str, u64)]) -> Delta {
        let mut series = Series::default();
        series.outcomes[Outcome::Ok.index()] = ok;
        series.costs[CostTruth::Reported.index()] = known;
        series.costs[CostTruth::Unknown.index()] = unknown.iter().map(|it| it.2).sum();
        let key = SeriesKey { workload: "agent".into(), release: "v1".into(), arm: Arm::Stable };
        let unpriced = unknown
            .iter()
            .map(|(why, model, count)| (("agent".into(), *why, (*model).into()), *count))
            .collect();
        Delta { series: [(key, series)].into(), unpriced, ..Delta::default() }
    }

    #[test]
    fn what_has_no_price_is_named_with_its_remedy() {
        let (book, now) = (CostBook::default(), Instant::now());
        book.count(&delta(100, 90, &[(Unpriced::NotListed, "house-9", 10)]), now);
        let text = book.unknown("agent", now).expect("unknown");
        assert!(text.starts_with("the cost of 10 of 100 responses is unknown"), "{text}");
        assert!(text.contains("`house-9` (10)") && text.contains("`cost.prices`"), "{text}");
        assert_eq!(book.hopeless("agent", now), None, "most are known");
        assert_eq!(book.unknown("other", now), None);
    }

    #[test]
    fn a_workload_without_any_known_cost_is_hopeless_once_there_was_traffic() {
        let (book, now) = (CostBook::default(), Instant::now());
        book.count(&delta(40, 0, &[]), now);
        assert_eq!(book.hopeless("agent", now), None, "too few to say");
        book.count(&delta(40, 0, &[]), now);
        let text = book.hopeless("agent", now).expect("hopeless");
        assert!(
            text.contains("none of the last 80") && text.contains("`Agent-Cost-Usd`"),
            "{text}"
        );
        book.count(&delta(1, 0, &[(Unpriced::NoModel, "", 1)]), now);
        let text = book.hopeless("agent", now).expect("hopeless");
        assert!(text.contains("nothing names the model (1)"), "{text}");
        book.count(&delta(1, 1, &[]), now);
        assert_eq!(book.hopeless("agent", now), None);
    }

    #[test]
    fn the_spend_of_a_day_follows_from_that_of_the_last_minutes() {
        let (book, now) = (CostBook::default(), Instant::now());
        book.count(&delta(0, 0, &[]), now);
        let mut spent = delta(100, 100, &[]);
        for series in spent.series.values_mut() {
            series.spent_nanos[0] = 1_000_000_000;
        }
        book.count(&spent, now);
        assert_eq!(book.daily("agent", now), SpendSeen::TooFew, "nobody watched long enough");
        // A dollar in a hundred seconds.
        let later = now + std::time::Duration::from_secs(100);
        assert_eq!(book.daily("agent", later), SpendSeen::Daily(864.0));
        let next = now + HALF + std::time::Duration::from_secs(400);
        assert_eq!(book.daily("agent", next), SpendSeen::Daily(86.4));
        assert_eq!(book.daily("other", later), SpendSeen::TooFew);
    }

    #[test]
    fn what_was_mended_is_forgotten_within_twenty_minutes() {
        let (book, now) = (CostBook::default(), Instant::now());
        book.count(&delta(9, 0, &[(Unpriced::NotListed, "m", 9)]), now);
        assert!(book.unknown("agent", now + HALF).is_some());
        assert!(book.unknown("agent", now + HALF * 3).is_none());
    }
}
