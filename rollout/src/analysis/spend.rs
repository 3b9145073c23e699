//! The spend of a workload, and its usual spend: the part of the cost axis that blames no release.
//! It belongs to the workload and outlives rollouts.

use crate::policy::{Gate, Limit, Measure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Minutes that are kept one by one.
const MINUTES: u64 = 24 * 60;
/// Hours that are kept: five weeks, so that there are four of each hour of the week.
const HOURS: u64 = 5 * 7 * 24;
/// Less than this was not watched long enough to say anything.
const LEAST_MS: u64 = 5 * MINUTE_MS;
/// A spend below this share of the daily budget is no alarm, however unusual.
const NEGLIGIBLE: f64 = 0.01;
/// Hours that stand in for what is usual until there is a week.
const COLD_HOURS: u64 = 6;
const NANOS: f64 = 1e9;

/// The spend of one workload by minute and hour (UTC).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpendBook {
    /// Nano-dollars by minute since the epoch, oldest first.
    minutes: VecDeque<(u64, u64)>,
    /// Nano-dollars by hour since the epoch. An hour that was watched and cost nothing has a zero.
    hours: BTreeMap<u64, u64>,
    /// When the watching began, in Unix milliseconds.
    since_ms: Option<u64>,
    /// When something was last counted, in Unix milliseconds.
    until_ms: u64,
}

impl SpendBook {
    /// Adds what was spent since the last time, on both arms together; zero is worth saying too.
    pub fn add(&mut self, at_ms: u64, nanos: u64) {
        let at_ms = at_ms.max(self.until_ms);
        self.since_ms.get_or_insert(at_ms);
        self.until_ms = at_ms;
        let minute = at_ms / MINUTE_MS;
        match self.minutes.back_mut() {
            Some((last, sum)) if *last == minute => *sum = sum.saturating_add(nanos),
            _ => self.minutes.push_back((minute, nanos)),
        }
        while self.minutes.front().is_some_and(|(oldest, _)| oldest + MINUTES < minute) {
            self.minutes.pop_front();
        }
        let hour = at_ms / HOUR_MS;
        let sum = self.hours.entry(hour).or_default();
        *sum = sum.saturating_add(nanos);
        while self.hours.first_key_value().is_some_and(|(oldest, _)| oldest + HOURS < hour) {
            self.hours.pop_first();
        }
    }

    /// Dollars spent within the last `window_ms`; up to 24 hours, to the minute.
    #[must_use]
    pub fn spent(&self, window_ms: u64) -> f64 {
        let first = self.until_ms.saturating_sub(window_ms) / MINUTE_MS;
        let within = self.minutes.iter().rev().take_while(|(minute, _)| *minute > first);
        let nanos = within.fold(0, |sum: u64, (_, nanos)| sum.saturating_add(*nanos));
        nanos as f64 / NANOS
    }

    /// Dollars an hour over the last `window_ms`, or over what was watched of it; none before five
    /// minutes.
    fn pace(&self, window_ms: u64) -> Option<f64> {
        let watched_ms = self.until_ms.saturating_sub(self.since_ms?);
        let window_ms = window_ms.max(LEAST_MS);
        let length_ms = watched_ms.min(window_ms);
        (length_ms >= LEAST_MS).then(|| self.spent(length_ms) / length_ms as f64 * HOUR_MS as f64)
    }

    /// Dollars that the hour (since the epoch) usually costs: the median of the same hour of the
    /// weeks before, or, without a week to look back at, of the last hours before `now`, the newest
    /// weighing most.
    fn usual(&self, hour: u64) -> Option<f64> {
        let mut same: Vec<u64> = (1..=4)
            .filter_map(|weeks| self.hours.get(&hour.checked_sub(weeks * 168)?).copied())
            .collect();
        same.sort_unstable();
        if let Some(last) = same.len().checked_sub(1) {
            return Some((same[last / 2] + same[last.div_ceil(2)]) as f64 / 2.0 / NANOS);
        }
        let now = self.until_ms / HOUR_MS;
        // The hour in which the watching began is not a whole one.
        let whole = self.since_ms? / HOUR_MS + 1;
        let hours = now.saturating_sub(COLD_HOURS).max(whole)..now;
        hours.filter_map(|hour| self.hours.get(&hour)).fold(None, |mean: Option<f64>, nanos| {
            let dollars = *nanos as f64 / NANOS;
            Some(
                mean.map_or(dollars, |mean| {
                    mean + (dollars - mean) * 2.0 / (COLD_HOURS + 1) as f64
                }),
            )
        })
    }

    /// Dollars spent today (UTC).
    #[must_use]
    pub fn today(&self) -> f64 {
        let first = self.until_ms / DAY_MS * 24;
        self.hours.range(first..).map(|(_, nanos)| *nanos as f64 / NANOS).sum()
    }

    /// Dollars that today will have cost at midnight (UTC): what was spent, plus what the rest of
    /// the day usually costs, scaled by how today compares so far.
    #[must_use]
    pub fn projected(&self) -> Option<f64> {
        let spent = self.today();
        let (hour, first) = (self.until_ms / HOUR_MS, self.until_ms / DAY_MS * 24);
        let elapsed = (self.until_ms % HOUR_MS) as f64 / HOUR_MS as f64;
        let share_of = |it: u64| match it.cmp(&hour) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => elapsed,
            std::cmp::Ordering::Greater => 0.0,
        };
        let profile: Option<Vec<(f64, f64)>> =
            (first..first + 24).map(|it| Some((self.usual(it)?, share_of(it)))).collect();
        let Some(profile) = profile else {
            // Nothing to look back at: the present pace until midnight.
            let rest = DAY_MS - self.until_ms % DAY_MS;
            return self.pace(HOUR_MS).map(|pace| spent + pace * rest as f64 / HOUR_MS as f64);
        };
        let so_far: f64 = profile.iter().map(|(usual, share)| usual * share).sum();
        let rest: f64 = profile.iter().map(|(usual, share)| usual * (1.0 - share)).sum();
        // Not watched since midnight: what is missing of today says nothing of today.
        let whole_day = self.since_ms.is_some_and(|since| since <= first * HOUR_MS);
        let ratio = if whole_day && so_far > 0.0 { spent / so_far } else { 1.0 };
        Some(spent + ratio * rest)
    }

    /// The value of a gate of the whole workload, in its limit's unit. `daily_budget` in dollars.
    pub(super) fn measure(&self, gate: &Gate, daily_budget: Option<f64>) -> Option<f64> {
        let budget = daily_budget.filter(|budget| *budget > 0.0);
        match (&gate.measure, gate.limit) {
            (Measure::DailyProjection, _) => Some(self.projected()? / budget?),
            (Measure::Spend { window_ms }, _) => self.since_ms.map(|_| self.spent(*window_ms)),
            (Measure::BurnRate { window_ms }, limit) => {
                // Both the window and a twelfth of it: the alarm ends soon after its cause.
                let pace = self.pace(*window_ms)?.min(self.pace(*window_ms / 12)?);
                if !matches!(limit, Limit::Baseline(_)) {
                    return Some(pace * 24.0 / budget?);
                }
                let spent = self.spent(*window_ms);
                if budget.is_some_and(|budget| spent < NEGLIGIBLE * budget) {
                    return Some(0.0);
                }
                let usual = self.usual(self.until_ms / HOUR_MS).filter(|usual| *usual > 0.0)?;
                Some(pace / usual)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR_MS, MINUTE_MS, SpendBook};
    use crate::policy::{Amount, Gate, Limit, Measure};

    /// A book of `hours` hours that cost `dollars(hour)` each, from a Monday midnight on.
    fn book(hours: u64, dollars: impl Fn(u64) -> f64) -> SpendBook {
        let mut book = SpendBook::default();
        for minute in 0..=hours * 60 {
            book.add(minute * MINUTE_MS, (dollars(minute / 60) / 60.0 * 1e9) as u64);
        }
        book
    }

    fn gate(measure: Measure, limit: Limit) -> Gate {
        Gate::new(measure, limit).alerting()
    }

    #[test]
    fn without_a_week_the_present_pace_is_projected() {
        let projected = book(6, |_| 2.0).projected().expect("watched");
        assert!((projected - 48.0).abs() < 0.5, "{projected}");
    }

    #[test]
    fn with_weeks_to_look_back_at_the_rest_of_the_day_is_as_usual() {
        // Days cost 24 dollars in their last 12 hours and nothing before; today costs double.
        let cost = |hour: u64| if hour % 24 >= 12 { 2.0 } else { 0.0 };
        let today = 21 * 24;
        let book = book(today + 18, |hour| cost(hour) * if hour >= today { 2.0 } else { 1.0 });
        let projected = book.projected().expect("watched");
        assert!((projected - 48.0).abs() < 1.0, "{projected}");
        let share = gate(Measure::DailyProjection, Limit::Max(Amount::thousandths(1200)));
        let share = book.measure(&share, Some(40.0)).expect("a budget");
        assert!((share - 1.2).abs() < 0.03, "{share}");
    }

    #[test]
    fn a_burst_is_measured_against_the_hour_of_the_week_and_ends_soon() {
        let unusual =
            gate(Measure::BurnRate { window_ms: HOUR_MS }, Limit::Baseline(Amount::whole(2)));
        let mut book = book(3 * 168, |_| 1.0);
        let from = 3 * 168 * 60;
        for minute in from + 1..=from + 60 {
            book.add(minute * MINUTE_MS, (4.0 / 60.0 * 1e9) as u64);
        }
        let ratio = book.measure(&unusual, Some(24.0)).expect("weeks");
        assert!(ratio > 3.5, "{ratio}");
        assert_eq!(book.measure(&unusual, Some(10_000.0)), Some(0.0), "negligible");
        for minute in from + 61..=from + 67 {
            book.add(minute * MINUTE_MS, (1.0 / 60.0 * 1e9) as u64);
        }
        let ratio = book.measure(&unusual, Some(24.0)).expect("weeks");
        assert!(ratio < 1.2, "{ratio}");
    }

    #[test]
    fn says_nothing_before_it_has_watched() {
        let pace = gate(Measure::BurnRate { window_ms: HOUR_MS }, Limit::Max(Amount::whole(2)));
        let mut fresh = SpendBook::default();
        assert_eq!(fresh.projected(), None);
        fresh.add(1_000_000, 5);
        assert_eq!(fresh.measure(&pace, Some(1.0)), None);
        assert_eq!(book(1, |_| 1.0).measure(&pace, None), None, "no budget");
        let burn = book(1, |_| 1.0).measure(&pace, Some(12.0)).expect("a budget");
        assert!((burn - 2.0).abs() < 0.1, "{burn}");
    }
}
