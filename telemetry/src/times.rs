//! Prometheus histograms of times, kept and written here.
//!
//! The metrics facade takes one value at a time, which cost 250 ns a request when measured: more
//! than all other counting together. Adding a delta's buckets up costs the same however many
//! requests it holds, and the sum stays exact.

use crate::buckets;
use crate::names::{self, Kind, Metric};
use stagegate_rollout::{Histogram, Series, SeriesKey};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Stages of one series that are shown; every worker has a cap of its own, so that they may have
/// met more between them.
const MAX_STAGES: usize = 32;

/// The times of one series, since it exists.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    duration: Cumulative,
    first_byte: Cumulative,
    between_chunks: Cumulative,
    stages: BTreeMap<Arc<str>, Cumulative>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            duration: Cumulative::new(buckets::DURATION),
            first_byte: Cumulative::new(buckets::FIRST_BYTE),
            between_chunks: Cumulative::new(buckets::BETWEEN_CHUNKS),
            stages: BTreeMap::new(),
        }
    }
}

impl Times {
    /// Adds what a delta counted.
    pub(crate) fn add(&mut self, series: &Series) {
        self.duration.add(&series.duration_us);
        // So that it has every request; they would have taken at least as long.
        self.duration.add(&series.abandoned_us);
        self.first_byte.add(&series.first_byte_us);
        self.between_chunks.add(&series.between_chunks_us);
        for (stage, times) in &series.stages {
            let room = self.stages.len() < MAX_STAGES || self.stages.contains_key(stage);
            let name = if room { Arc::clone(stage) } else { "other".into() };
            let new = || Cumulative::new(buckets::STAGE);
            self.stages.entry(name).or_insert_with(new).add(times);
        }
    }
}

/// Appends all families in the text format.
pub(crate) fn append(text: &mut String, series: &BTreeMap<SeriesKey, Times>) {
    family(text, &names::REQUEST_DURATION, series, |times| &times.duration);
    family(text, &names::FIRST_BYTE, series, |times| &times.first_byte);
    family(text, &names::BETWEEN_CHUNKS, series, |times| &times.between_chunks);
    if series.values().any(|times| !times.stages.is_empty()) {
        head(text, &names::STAGE_DURATION);
        for (key, times) in series {
            for (stage, times) in &times.stages {
                let labels = format!("{},stage={stage:?}", labels(&names::STAGE_DURATION, key));
                times.append(text, names::STAGE_DURATION.name, &labels);
            }
        }
        text.push('\n');
    }
}

pub(crate) fn head(text: &mut String, metric: &Metric) {
    let Metric { name, help, .. } = metric;
    // Writing to a String cannot fail, here and below.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n", Kind::Histogram.label());
}

fn family(
    text: &mut String,
    metric: &Metric,
    series: &BTreeMap<SeriesKey, Times>,
    pick: fn(&Times) -> &Cumulative,
) {
    if series.is_empty() {
        return;
    }
    head(text, metric);
    for (key, times) in series {
        pick(times).append(text, metric.name, &labels(metric, key));
    }
    text.push('\n');
}

/// Names are plain words, so quoting them as Rust does is quoting them as Prometheus does.
fn labels(metric: &Metric, key: &SeriesKey) -> String {
    let values = [&*key.workload, &*key.release, key.arm.label()];
    let present = metric.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
    let labels: Vec<String> = present.map(|(name, value)| format!("{name}={value:?}")).collect();
    labels.join(",")
}

/// Counts by upper bound, not yet summed up.
#[derive(Clone, Debug)]
pub(crate) struct Cumulative {
    bounds: &'static [f64],
    /// One for each bound, and one for what is above the last.
    counts: Vec<u64>,
    sum_us: u64,
}

impl Cumulative {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum_us: 0 }
    }

    /// A fine bucket falls where its middle does: off by about 1% of the bound at most.
    pub(crate) fn add(&mut self, micros: &Histogram) {
        let mut place = 0;
        for (middle, count) in micros.buckets() {
            let seconds = middle as f64 / 1e6;
            while self.bounds.get(place).is_some_and(|bound| seconds > *bound) {
                place += 1;
            }
            self.counts[place] += count;
        }
        self.sum_us = self.sum_us.saturating_add(micros.sum());
    }

    pub(crate) fn append(&self, text: &mut String, name: &str, labels: &str) {
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            below += count;
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
        }
        let all: u64 = self.counts.iter().sum();
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {all}");
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", self.sum_us as f64 / 1e6);
        let _ = writeln!(text, "{name}_count{{{labels}}} {all}");
    }
}

#[cfg(test)]
mod tests {
    use super::Cumulative;
    use stagegate_rollout::Histogram;

    #[test]
    fn buckets_hold_what_is_below_their_bound_and_the_sum_is_exact() {
        let mut times = Cumulative::new(&[0.001, 0.01]);
        for values in [[500, 5_000], [700, 50_001]] {
            let mut micros = Histogram::default();
            values.iter().for_each(|value| micros.record(*value));
            times.add(&micros);
        }
        let mut text = String::new();
        times.append(&mut text, "t", "a=\"b\"");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "t_bucket{a=\"b\",le=\"0.001\"} 2",
                "t_bucket{a=\"b\",le=\"0.01\"} 3",
                "t_bucket{a=\"b\",le=\"+Inf\"} 4",
                "t_sum{a=\"b\"} 0.056201",
                "t_count{a=\"b\"} 4",
            ]
        );
    }
}
