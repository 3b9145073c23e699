//! The calibration of confidence: the Brier score and a reliability table.

use super::nanos::nanos;
use serde::{Deserialize, Serialize};
use stagegate_rollout::{Calibration, CalibrationBin};

/// The number of equal parts of the range of confidence.
const BINS: usize = 15;

/// One bin: confidences from `n/15` up to, not including, `(n+1)/15`; the last includes 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Samples in the bin.
    pub count: u64,
    /// The number of right ones among them.
    pub correct: u64,
    /// Sum of their confidences, in billionths.
    pub confidence_nanos: u64,
}

/// Confidence against correctness over many samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reliability {
    bins: [Bin; BINS],
    /// Sum of squared differences between confidence and correctness, in billionths.
    squares_nanos: u64,
}

impl Reliability {
    /// Counts one pair; a confidence outside of 0 to 1 is ignored.
    pub fn add(&mut self, confidence: f64, correct: bool) {
        if !(0.0..=1.0).contains(&confidence) {
            return;
        }
        let at = ((confidence * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut self.bins[at];
        bin.count += 1;
        bin.correct += u64::from(correct);
        bin.confidence_nanos += nanos(confidence);
        let off = confidence - if correct { 1.0 } else { 0.0 };
        self.squares_nanos += nanos(off * off);
    }

    /// Adds another table.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += more.count;
            bin.correct += more.correct;
            bin.confidence_nanos += more.confidence_nanos;
        }
        self.squares_nanos += other.squares_nanos;
    }

    /// The bins, from the least sure to the surest.
    #[must_use]
    pub const fn bins(&self) -> &[Bin; BINS] {
        &self.bins
    }

    /// The number of pairs that were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The same sums in the form that gates read; empty without a pair.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        if self.count() == 0 {
            return Calibration::default();
        }
        let bin = |bin: &Bin| CalibrationBin {
            count: bin.count,
            correct: bin.correct,
            confidence_micros: bin.confidence_nanos / 1000,
        };
        let squares_micros = self.squares_nanos / 1000;
        Calibration { bins: self.bins.iter().map(bin).collect(), squares_micros }
    }

    /// Mean squared difference between confidence and correctness (Brier 1950): 0 is perfect, and
    /// 0.25 is what always saying one half gets.
    #[must_use]
    pub fn brier(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.squares_nanos as f64 / 1e9 / count as f64)
    }

    /// Expected calibration error: by how much mean confidence and accuracy differ, over the bins
    /// weighted by their counts (Naeini et al. 2015).
    #[must_use]
    pub fn calibration_error(&self) -> Option<f64> {
        let count = self.count();
        let gap = |bin: &Bin| (bin.confidence_nanos as f64 / 1e9 - bin.correct as f64).abs();
        (count > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / count as f64)
    }
}
