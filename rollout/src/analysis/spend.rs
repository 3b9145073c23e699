//! The spend of a workload, and its usual spend: the part of the cost axis that blames no release.
//! It belongs to the workload and outlives rollouts.

use crate::Zone;
use crate::policy::{Gate, Limit, Measure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const WEEK_MS: u64 = 168 * HOUR_MS;
/// Minutes that are kept one by one: a day on which clocks are put back has 25 hours.
const MINUTES: u64 = 25 * 60;
/// Hours that are kept: five weeks, so that there are four of each hour of the week.
const HOURS: u64 = 5 * 7 * 24;
/// Less than this was not watched long enough to say anything.
const LEAST_MS: u64 = 5 * MINUTE_MS;
/// A spend below this share of the daily budget is no alarm, however unusual.
const NEGLIGIBLE: f64 = 0.01;
/// Hours that stand in for what is usual until there is a week.
const COLD_HOURS: u64 = 6;
const NANOS: f64 = 1e9;

/// The spend of one workload by minute and hour since the epoch. Days are those of a time zone.
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

    /// Dollars that the hour of `at_ms` usually costs: the median of the hours at which the clocks showed
    /// the same in the weeks before, or, without a week to look back at, of the last hours before `now`, the newest
    /// weighing most.
    fn usual(&self, zone: &Zone, at_ms: u64) -> Option<f64> {
        let ahead_ms = zone.ahead_ms(at_ms);
        let before = |weeks: u64| -> Option<u64> {
            let then_ms = at_ms.checked_sub(weeks * WEEK_MS)?;
            let changed_ms = ahead_ms - zone.ahead_ms(then_ms);
            self.hours.get(&(then_ms.checked_add_signed(changed_ms)? / HOUR_MS)).copied()
        };
        let mut same: Vec<u64> = (1..=4).filter_map(before).collect();
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

    /// Dollars spent on the present day of the zone, to the minute.
    #[must_use]
    pub fn today(&self, zone: &Zone) -> f64 {
        let (begins_ms, _) = zone.day(self.until_ms);
        let first = begins_ms / MINUTE_MS;
        let within = self.minutes.iter().rev().take_while(|(minute, _)| *minute >= first);
        within.fold(0, |sum: u64, (_, nanos)| sum.saturating_add(*nanos)) as f64 / NANOS
    }

    /// Dollars that the present day of the zone will have cost at its end: what was spent, plus what the
    /// rest of the day usually costs, scaled by how the day compares so far.
    #[must_use]
    pub fn projected(&self, zone: &Zone) -> Option<f64> {
        let spent = self.today(zone);
        let (begins_ms, ends_ms) = zone.day(self.until_ms);
        // The day has 23, 24 or 25 hours. The part of one that is over, from 0 to 1.
        let share_of = |hour_ms: u64| {
            self.until_ms.saturating_sub(hour_ms).min(HOUR_MS) as f64 / HOUR_MS as f64
        };
        let hours = (begins_ms..ends_ms).step_by(HOUR_MS as usize);
        let profile: Option<Vec<(f64, f64)>> =
            hours.map(|it| Some((self.usual(zone, it)?, share_of(it)))).collect();
        let Some(profile) = profile else {
            // Nothing to look back at: the present pace until midnight.
            let rest = ends_ms - self.until_ms;
            return self.pace(HOUR_MS).map(|pace| spent + pace * rest as f64 / HOUR_MS as f64);
        };
        let so_far: f64 = profile.iter().map(|(usual, share)| usual * share).sum();
        let rest: f64 = profile.iter().map(|(usual, share)| usual * (1.0 - share)).sum();
        // Not watched since midnight: what is missing of today says nothing of today.
        let whole_day = self.since_ms.is_some_and(|since| since <= begins_ms);
        let ratio = if whole_day && so_far > 0.0 { spent / so_far } else { 1.0 };
        Some(spent + ratio * rest)
    }

    /// The value of a gate of the whole workload, in its limit's unit. `daily_budget` in dollars, for the
    /// days of `zone`.
    pub(super) fn measure(
        &self,
        gate: &Gate,
        daily_budget: Option<f64>,
        zone: &Zone,
    ) -> Option<f64> {
        let budget = daily_budget.filter(|budget| *budget > 0.0);
        match (&gate.measure, gate.limit) {
            (Measure::DailyProjection, _) => Some(self.projected(zone)? / budget?),
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
                let usual = self.usual(zone, self.until_ms).filter(|usual| *usual > 0.0)?;
                Some(pace / usual)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR_MS, MINUTE_MS, SpendBook};
    use crate::Zone;
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
        let projected = book(6, |_| 2.0).projected(&Zone::utc()).expect("watched");
        assert!((projected - 48.0).abs() < 0.5, "{projected}");
    }

    #[test]
    fn with_weeks_to_look_back_at_the_rest_of_the_day_is_as_usual() {
        // Days cost 24 dollars in their last 12 hours and nothing before; today costs double.
        let cost = |hour: u64| if hour % 24 >= 12 { 2.0 } else { 0.0 };
        let today = 21 * 24;
        let book = book(today + 18, |hour| cost(hour) * if hour >= today { 2.0 } else { 1.0 });
        let projected = book.projected(&Zone::utc()).expect("watched");
        assert!((projected - 48.0).abs() < 1.0, "{projected}");
        let share = gate(Measure::DailyProjection, Limit::Max(Amount::thousandths(1200)));
        let share = book.measure(&share, Some(40.0), &Zone::utc()).expect("a budget");
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
        let ratio = book.measure(&unusual, Some(24.0), &Zone::utc()).expect("weeks");
        assert!(ratio > 3.5, "{ratio}");
        assert_eq!(book.measure(&unusual, Some(10_000.0), &Zone::utc()), Some(0.0), "negligible");
        for minute in from + 61..=from + 67 {
            book.add(minute * MINUTE_MS, (1.0 / 60.0 * 1e9) as u64);
        }
        let ratio = book.measure(&unusual, Some(24.0), &Zone::utc()).expect("weeks");
        assert!(ratio < 1.2, "{ratio}");
    }

    #[test]
    fn says_nothing_before_it_has_watched() {
        let pace = gate(Measure::BurnRate { window_ms: HOUR_MS }, Limit::Max(Amount::whole(2)));
        let mut fresh = SpendBook::default();
        assert_eq!(fresh.projected(&Zone::utc()), None);
        fresh.add(1_000_000, 5);
        assert_eq!(fresh.measure(&pace, Some(1.0), &Zone::utc()), None);
        assert_eq!(book(1, |_| 1.0).measure(&pace, None, &Zone::utc()), None, "no budget");
        let burn = book(1, |_| 1.0).measure(&pace, Some(12.0), &Zone::utc()).expect("a budget");
        assert!((burn - 2.0).abs() < 0.1, "{burn}");
    }
    /// A dollar a minute from the midnight of 2026-03-29 and of 2026-10-25 in Berlin on: 23 and 25 hours.
    #[test]
    fn the_day_of_a_budget_is_that_of_its_zone_when_clocks_change() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let hour = |ms: u64| ms / HOUR_MS;
        for (midnight_ms, length) in [(1_774_738_800_000, 23), (1_792_879_200_000, 25)] {
            assert_eq!(berlin.day(midnight_ms), (midnight_ms, midnight_ms + length * HOUR_MS));
            let mut book = SpendBook::default();
            let mut at_ms = midnight_ms - 2 * HOUR_MS;
            while at_ms < midnight_ms + length * HOUR_MS {
                book.add(at_ms, 1_000_000_000);
                let spent = (at_ms.saturating_sub(midnight_ms) / MINUTE_MS + 1) as f64;
                if at_ms >= midnight_ms {
                    assert_eq!(book.today(&berlin), spent, "{}", hour(at_ms - midnight_ms));
                }
                at_ms += MINUTE_MS;
            }
            let projected = book.projected(&berlin).expect("watched");
            assert!((projected - length as f64 * 60.0).abs() < 2.0, "{projected} of {length} h");
            book.add(midnight_ms + length * HOUR_MS, 1_000_000_000);
            assert_eq!(book.today(&berlin), 1.0, "the next day");
        }
    }

    /// Weeks of office hours from 9 to 17 in Berlin, over a change of the clocks: on the first Monday after it
    /// the usual hour is that of the clock, and not that of UTC.
    #[test]
    fn what_is_usual_follows_the_clocks_over_their_change() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let unusual =
            gate(Measure::BurnRate { window_ms: HOUR_MS }, Limit::Baseline(Amount::whole(2)));
        for (monday_ms, last) in [(1_774_828_800_000_u64, 9), (1_792_972_800_000, 16)] {
            let mut book = SpendBook::default();
            let mut at_ms = monday_ms - 4 * 168 * HOUR_MS;
            // The first or the last office hour of the Monday on the clocks of Berlin.
            let midnight_ms = monday_ms - berlin.ahead_ms(monday_ms) as u64;
            let until_ms = midnight_ms + last * HOUR_MS + 59 * MINUTE_MS;
            while at_ms <= until_ms {
                let clock = (at_ms + berlin.ahead_ms(at_ms) as u64) / HOUR_MS % 24;
                let cost = if (9..17).contains(&clock) { 1.0 } else { 0.01 };
                book.add(at_ms, (cost / 60.0 * 1e9) as u64);
                at_ms += MINUTE_MS;
            }
            let ratio = book.measure(&unusual, None, &berlin).expect("weeks");
            assert!((0.8..1.2).contains(&ratio), "{ratio}");
            let of_utc = book.measure(&unusual, None, &Zone::utc()).expect("weeks");
            assert!(!(0.8..1.2).contains(&of_utc), "{of_utc}");
        }
    }
}
