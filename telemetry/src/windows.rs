//! The last quarter of an hour per series, in slots of ten seconds.
//!
//! Pure: time comes in as an argument. Memory is bounded by the series that counted anything in
//! the last fifteen minutes; a series that fell silent for longer is forgotten.

use stagegate_rollout::{Delta, Histogram, KeyKind, Outcome, Reason, Series, SeriesKey};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Length of a slot in seconds.
const SLOT: u64 = 10;
/// Below this many values a 95th percentile is noise and is not shown.
const MIN_FOR_P95: u64 = 200;
/// Below this many values a 99th percentile is noise and is not shown.
const MIN_FOR_P99: u64 = 1000;

/// The length of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The last minute.
    OneMinute,
    /// The last five minutes.
    FiveMinutes,
    /// The last quarter of an hour.
    FifteenMinutes,
}

impl Span {
    /// Every span, shortest first.
    pub const ALL: [Self; 3] = [Self::OneMinute, Self::FiveMinutes, Self::FifteenMinutes];

    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OneMinute => "1m",
            Self::FiveMinutes => "5m",
            Self::FifteenMinutes => "15m",
        }
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_secs(self.slots() * SLOT)
    }

    const fn slots(self) -> u64 {
        match self {
            Self::OneMinute => 6,
            Self::FiveMinutes => 30,
            Self::FifteenMinutes => 90,
        }
    }
}

/// Percentiles of a time, each present only when there are values enough to mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The number of values there are.
    pub count: u64,
    /// The median.
    pub p50: Option<Duration>,
    /// The 95th percentile, from 200 values on.
    pub p95: Option<Duration>,
    /// The 99th percentile, from 1,000 values on.
    pub p99: Option<Duration>,
}

impl Quantiles {
    /// The percentiles of a histogram of microseconds.
    #[must_use]
    pub fn of(micros: &Histogram) -> Self {
        Self::with_bounds(micros, &Histogram::default())
    }

    /// The percentiles of a histogram of microseconds and of times that are only known to be longer:
    /// those of requests that were abandoned.
    #[must_use]
    pub fn with_bounds(micros: &Histogram, bounds: &Histogram) -> Self {
        let count = micros.count() + bounds.count();
        let at = |q, least| {
            let micros = (count >= least).then(|| micros.quantile_with_bounds(bounds, q)).flatten();
            micros.map(Duration::from_micros)
        };
        Self { count, p50: at(0.5, 1), p95: at(0.95, MIN_FOR_P95), p99: at(0.99, MIN_FOR_P99) }
    }
}

/// The counts of one series within one span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSnapshot {
    /// The longest length.
    pub span: Span,
    /// The time that it covers: less than the span by up to a slot, or the time since the start.
    /// Divide by it for a rate.
    pub covers: Duration,
    /// Finished requests.
    pub requests: u64,
    /// Finished requests by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Decisions by [`Reason::index`].
    pub reasons: [u64; Reason::ALL.len()],
    /// Requests by the kind of key that decided, by [`KeyKind`]'s position.
    pub keys: [u64; KeyKind::ALL.len()],
    /// Requests sent to an endpoint again.
    pub retries: u64,
    /// Response body bytes.
    pub bytes_out: u64,
    /// Requests a tester's header forced; not among `requests`.
    pub forced: u64,
    /// From the end of the request head to the end of the response.
    pub duration: Quantiles,
    /// From the end of the request head to the response head.
    pub first_byte: Quantiles,
    /// Responses whose cost is known.
    pub costed: u64,
    /// Their cost in nano-dollars.
    pub spent_nanos: u64,
}

impl WindowSnapshot {
    fn of(span: Span, covers: Duration, series: &Series) -> Self {
        Self {
            span,
            covers,
            requests: series.requests(),
            outcomes: series.outcomes,
            reasons: series.reasons,
            keys: series.keys,
            retries: series.retries,
            bytes_out: series.bytes_out,
            forced: series.forced,
            duration: Quantiles::with_bounds(&series.duration_us, &series.abandoned_us),
            first_byte: Quantiles::with_bounds(&series.first_byte_us, &series.unanswered_us),
            costed: series.cost_nanos.count(),
            spent_nanos: series.cost_nanos.sum(),
        }
    }

    /// Finished requests of one class.
    #[must_use]
    pub const fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome.index()]
    }

    /// Finished requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.covers.as_secs_f64();
        if seconds > 0.0 { self.requests as f64 / seconds } else { 0.0 }
    }
}

/// The recent counts of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesSnapshot {
    /// The key of the counts.
    pub key: SeriesKey,
    /// One window for each of [`Span::ALL`], in that order.
    pub windows: [WindowSnapshot; Span::ALL.len()],
}

impl SeriesSnapshot {
    /// The window of this span.
    #[must_use]
    pub const fn window(&self, span: Span) -> &WindowSnapshot {
        &self.windows[span as usize]
    }
}

/// Recent counts of every series.
#[derive(Debug)]
pub struct Windows {
    started: Instant,
    /// By slot number, oldest first; slots in which nothing was counted are not there.
    series: BTreeMap<SeriesKey, VecDeque<(u64, Series)>>,
}

impl Windows {
    /// Windows that begin empty at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { started: now, series: BTreeMap::new() }
    }

    /// Counts a delta as of `now` and forgets what is older than the longest span.
    pub fn absorb(&mut self, delta: &Delta, now: Instant) {
        let slot = self.slot(now);
        for (key, counts) in delta.all_series() {
            let slots = self.series.entry(key.clone()).or_default();
            match slots.back_mut() {
                // A clock that was read earlier than the newest slot's still counts there.
                Some((newest, sum)) if *newest >= slot => sum.merge(counts),
                _ => slots.push_back((slot, counts.clone())),
            }
        }
        let oldest = oldest_slot(slot, Span::FifteenMinutes);
        self.series.retain(|_, slots| {
            while slots.front().is_some_and(|(slot, _)| *slot < oldest) {
                slots.pop_front();
            }
            !slots.is_empty()
        });
    }

    /// True if the series counted anything lately.
    #[must_use]
    pub fn contains(&self, key: &SeriesKey) -> bool {
        self.series.contains_key(key)
    }

    /// Every series that counted anything in the longest span, ordered by key.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Vec<SeriesSnapshot> {
        let slot = self.slot(now);
        let oldest = oldest_slot(slot, Span::FifteenMinutes);
        self.series
            .iter()
            .filter(|(_, slots)| slots.back().is_some_and(|(newest, _)| *newest >= oldest))
            .map(|(key, slots)| self.snapshot_of(key, slots, slot, now))
            .collect()
    }

    /// Adds the slots up from the newest, so that each is added once for all spans.
    fn snapshot_of(
        &self,
        key: &SeriesKey,
        slots: &VecDeque<(u64, Series)>,
        slot: u64,
        now: Instant,
    ) -> SeriesSnapshot {
        let mut sum = Series::default();
        let mut newest_first = slots.iter().rev().peekable();
        let windows = Span::ALL.map(|span| {
            let oldest = oldest_slot(slot, span);
            while let Some((_, counts)) = newest_first.next_if(|(slot, _)| *slot >= oldest) {
                sum.merge(counts);
            }
            WindowSnapshot::of(span, self.covers(oldest, now), &sum)
        });
        SeriesSnapshot { key: key.clone(), windows }
    }

    fn slot(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / SLOT
    }

    fn covers(&self, oldest_slot: u64, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.started);
        elapsed.saturating_sub(Duration::from_secs(oldest_slot * SLOT))
    }
}

/// A span holds the slot that runs now and the full ones before it: never older than it says.
const fn oldest_slot(slot: u64, span: Span) -> u64 {
    (slot + 1).saturating_sub(span.slots())
}
