//! Exponential base-2 histograms: mergeable by addition, exact to about 1%.
//!
//! Scale 5: 32 buckets an octave, ratio 2^(1/32), relative error at most 1.09%. The layout is that
//! of Prometheus native histograms with schema 5 and of OTLP exponential histograms: bucket `i`
//! holds values in `(base^i, base^(i+1)]`, up to the rounding of exact powers.

use serde::{Deserialize, Serialize};

/// Buckets an octave.
const PER_OCTAVE: u32 = 32;
/// Values are microseconds from 1 to 2^42 (about 50 days); what lies outside is clamped.
const OCTAVES: u32 = 42;
const BUCKETS: usize = (PER_OCTAVE * OCTAVES) as usize;

/// Counts of positive integers (microseconds, bytes, nano-dollars) in buckets of constant ratio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Histogram {
    /// Counts from bucket `first` on; grows as values come in, never beyond [`BUCKETS`].
    counts: Vec<u64>,
    first: usize,
    count: u64,
    sum: u64,
}

/// A stored histogram, before anyone looked at it.
#[derive(Deserialize)]
struct Stored {
    counts: Vec<u64>,
    first: usize,
    count: u64,
    sum: u64,
}

/// A stored histogram whose parts contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "histogram is damaged: {buckets} buckets from {first} on with {count} values; at most {BUCKETS} buckets, which add up to the values, make one"
)]
struct DamagedHistogram {
    buckets: usize,
    first: usize,
    count: u64,
}

impl TryFrom<Stored> for Histogram {
    type Error = DamagedHistogram;

    fn try_from(stored: Stored) -> Result<Self, DamagedHistogram> {
        let Stored { counts, first, count, sum } = stored;
        let added = counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        let fits = first.checked_add(counts.len()).is_some_and(|end| end <= BUCKETS);
        if !fits || added != Some(count) {
            return Err(DamagedHistogram { buckets: counts.len(), first, count });
        }
        Ok(Self { counts, first, count, sum })
    }
}

impl Histogram {
    /// Counts one value; zero counts as one.
    pub fn record(&mut self, value: u64) {
        let index = bucket_of(value);
        *self.slot(index) += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
    }

    /// Counts a value many times.
    pub fn record_many(&mut self, value: u64, times: u64) {
        if times > 0 {
            *self.slot(bucket_of(value)) += times;
            self.count += times;
            self.sum = self.sum.saturating_add(value.saturating_mul(times));
        }
    }

    /// The number of values that were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The values' sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Self) {
        for (offset, &count) in other.counts.iter().enumerate() {
            if count > 0 {
                *self.slot(other.first + offset) += count;
            }
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Empties the histogram but keeps its memory.
    pub fn clear(&mut self) {
        self.counts.iter_mut().for_each(|count| *count = 0);
        self.count = 0;
        self.sum = 0;
    }

    /// The value at quantile `q` (0 to 1), as the geometric middle of its bucket.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets().find_map(|(value, count)| {
            seen += count;
            (seen >= rank).then_some(value)
        })
    }

    /// The value at quantile `q` (0 to 1) where of some values only a lower bound is known, by the
    /// product-limit estimate (Kaplan and Meier 1958): `S(t) = prod(1 - d/n)` over the values up to
    /// `t`, d of n at risk. Where the quantile lies beyond every known value: the largest bound.
    #[must_use]
    pub fn quantile_with_bounds(&self, bounds: &Self, q: f64) -> Option<u64> {
        if bounds.count == 0 {
            return self.quantile(q);
        }
        let mut left = bounds.buckets().peekable();
        let mut at_risk = self.count + bounds.count;
        let mut surviving = 1.0;
        let mut largest = None;
        for (value, count) in self.buckets() {
            while let Some((_, gone)) = left.next_if(|(bound, _)| *bound < value) {
                at_risk = at_risk.saturating_sub(gone);
            }
            surviving *= 1.0 - count as f64 / at_risk.max(1) as f64;
            at_risk = at_risk.saturating_sub(count);
            largest = Some(value);
            if 1.0 - surviving >= q.clamp(0.0, 1.0) - 1e-9 {
                return Some(value);
            }
        }
        bounds.buckets().last().map(|(bound, _)| bound).max(largest)
    }

    /// The non-empty buckets in rising order: the geometric middle and the count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.first;
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(move |(offset, count)| (middle_of(first + offset), *count))
    }

    /// The non-empty buckets in rising order: the lower edge and the count. No value of a bucket
    /// is below its lower edge.
    pub fn lower_edges(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(offset, count)| (edge_of(self.first + offset), *count))
    }

    /// The number of values that are above `limit`, to the bucket: what shares the limit's bucket
    /// is not.
    #[must_use]
    pub fn count_above(&self, limit: f64) -> u64 {
        let above = self.lower_edges().filter(|(edge, _)| *edge >= limit);
        above.map(|(_, count)| count).sum()
    }

    fn slot(&mut self, index: usize) -> &mut u64 {
        if self.counts.is_empty() {
            self.first = index;
        }
        if index < self.first {
            let missing = self.first - index;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = index;
        }
        let offset = index - self.first;
        if offset >= self.counts.len() {
            self.counts.resize(offset + 1, 0);
        }
        &mut self.counts[offset]
    }
}

/// The bucket from the float's own bits: the exponent is the octave, and the mantissa's place
/// among 32 precomputed powers of 2^(1/32) is the bucket within it.
fn bucket_of(value: u64) -> usize {
    let value = value.max(1) as f64;
    let bits = value.to_bits();
    let octave = ((bits >> 52) as u32) - 1023;
    if octave >= OCTAVES {
        return BUCKETS - 1;
    }
    let mantissa = bits & ((1 << 52) - 1);
    // The power's table is monotonic, and the linear guess is at most three places below it.
    let mut within = (mantissa >> 47) as usize;
    while within + 1 < PER_OCTAVE as usize && mantissa >= BOUNDS[within + 1] {
        within += 1;
    }
    (octave * PER_OCTAVE) as usize + within
}

fn edge_of(index: usize) -> f64 {
    (index as f64 / f64::from(PER_OCTAVE)).exp2()
}

fn middle_of(index: usize) -> u64 {
    let exponent = (index as f64 + 0.5) / f64::from(PER_OCTAVE);
    exponent.exp2().round() as u64
}

/// Mantissa bits of 2^(i/32), i = 0..32.
static BOUNDS: std::sync::LazyLock<[u64; PER_OCTAVE as usize]> = std::sync::LazyLock::new(|| {
    std::array::from_fn(|i| (i as f64 / f64::from(PER_OCTAVE)).exp2().to_bits() & ((1 << 52) - 1))
});

#[cfg(test)]
mod tests {
    use super::{Histogram, bucket_of, middle_of};
    use proptest::prelude::*;

    #[test]
    fn who_left_early_is_not_taken_for_fast() {
        let (mut ended, mut left) = (Histogram::default(), Histogram::default());
        ended.record_many(100, 60);
        assert_eq!(ended.quantile_with_bounds(&left, 0.5), ended.quantile(0.5));
        // Left at once: nothing is known of them, so they change nothing.
        left.record_many(10, 40);
        assert_eq!(ended.quantile_with_bounds(&left, 0.5), ended.quantile(0.5));
        // Left late: the median of what ended stands, the tail is at least as long as they waited.
        let mut late = Histogram::default();
        late.record_many(30_000, 40);
        assert_eq!(ended.quantile_with_bounds(&late, 0.5), ended.quantile(0.5));
        let tail = ended.quantile_with_bounds(&late, 0.99).expect("a bound");
        assert!((29_000..31_000).contains(&tail), "{tail}");
        assert_eq!(Histogram::default().quantile_with_bounds(&late, 0.5), late.quantile(0.5));
        // 50 of 100 at 100; of the 50 at risk 25 left; 25 at 300: S = 0.5, then 0.
        let (mut ended, mut left) = (Histogram::default(), Histogram::default());
        ended.record_many(100, 50);
        ended.record_many(300, 25);
        left.record_many(200, 25);
        assert_eq!(ended.quantile_with_bounds(&left, 0.6), Some(ended.quantile(1.0).expect("one")));
    }

    #[test]
    fn a_damaged_histogram_is_refused_and_not_believed() {
        let mut histogram = Histogram::default();
        histogram.record_many(500, 3);
        let stored = serde_json::to_string(&histogram).expect("serialises");
        assert_eq!(serde_json::from_str::<Histogram>(&stored).expect("reads back"), histogram);
        for damaged in
            [stored.replace(":3,", ":4,"), stored.replace("\"first\":", "\"first\":9999")]
        {
            assert_ne!(damaged, stored);
            let error = serde_json::from_str::<Histogram>(&damaged).expect_err("damaged");
            assert!(error.to_string().contains("histogram is damaged"), "{error}");
        }
    }

    #[test]
    fn counts_above_a_limit_to_the_bucket() {
        let mut histogram = Histogram::default();
        histogram.record_many(7_000_000, 5);
        histogram.record_many(20_000_000, 2);
        assert_eq!(histogram.count_above(8e6), 2);
        assert_eq!(histogram.count_above(1.0), 7);
        assert_eq!(histogram.count_above(1e9), 0);
        assert!(histogram.lower_edges().all(|(edge, _)| edge <= 20e6));
    }

    #[test]
    fn empty_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_value_is_within_two_per_cent_of_its_bucket(value in 64u64..1 << 41) {
            let middle = middle_of(bucket_of(value)) as f64;
            let error = (middle / value as f64 - 1.0).abs();
            prop_assert!(error < 0.02, "{value} -> {middle}");
        }

        #[test]
        fn buckets_rise_with_values(a: u64, b: u64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(bucket_of(low) <= bucket_of(high));
        }

        #[test]
        fn merging_is_counting_all(a: Vec<u32>, b: Vec<u32>) {
            let count = |values: &[u32]| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|v| histogram.record(u64::from(*v)));
                histogram
            };
            let mut merged = count(&a);
            merged.merge(&count(&b));
            let all = count(&[a, b].concat());
            prop_assert!(merged.buckets().eq(all.buckets()));
            prop_assert_eq!((merged.count(), merged.sum()), (all.count(), all.sum()));
        }

        #[test]
        fn quantiles_are_close_to_the_sorted_values(mut values in prop::collection::vec(100u64..10_000_000, 1..400), q in 0.0f64..1.0) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|v| histogram.record(*v));
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1] as f64;
            let shown = histogram.quantile(q).expect("not empty") as f64;
            prop_assert!((shown / exact - 1.0).abs() < 0.02, "{shown} for {exact}");
        }
    }
}
