//! Confidence against correctness, of scored responses that came with a confidence.

use serde::{Deserialize, Serialize};

/// One bin of confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Responses.
    pub count: u64,
    /// Those of them that passed.
    pub correct: u64,
    /// Sum of their confidences, in millionths.
    pub confidence_micros: u64,
}

/// Sums over responses, which merge by addition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// Equal bins from 0 to 1; empty without a response.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<CalibrationBin>,
    /// Sum of squared differences between confidence and correctness, in millionths.
    pub squares_micros: u64,
}

impl Calibration {
    /// Adds another sum of as many bins.
    pub fn merge(&mut self, other: &Self) {
        if self.bins.len() < other.bins.len() {
            self.bins.resize(other.bins.len(), CalibrationBin::default());
        }
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += more.count;
            bin.correct += more.correct;
            bin.confidence_micros += more.confidence_micros;
        }
        self.squares_micros += other.squares_micros;
    }

    /// The number of responses.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// Mean squared difference between confidence and correctness (Brier 1950).
    #[must_use]
    pub fn brier(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.squares_micros as f64 / 1e6 / count as f64)
    }

    /// By how much mean confidence and accuracy differ, over the bins weighted by their counts (expected
    /// calibration error, Naeini and others 2015).
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let count = self.count();
        let gap =
            |bin: &CalibrationBin| (bin.confidence_micros as f64 / 1e6 - bin.correct as f64).abs();
        (count > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, CalibrationBin};

    #[test]
    fn sums_merge_and_say_how_far_confidence_can_be_believed() {
        let sure = CalibrationBin { count: 10, correct: 7, confidence_micros: 9_000_000 };
        let mut all = Calibration::default();
        assert_eq!((all.brier(), all.error()), (None, None));
        let one =
            Calibration { bins: vec![CalibrationBin::default(), sure], squares_micros: 2_500_000 };
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.count(), 20);
        assert!((all.error().expect("counted") - 0.2).abs() < 1e-9);
        assert!((all.brier().expect("counted") - 0.25).abs() < 1e-9);
    }
}
