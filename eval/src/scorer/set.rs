//! Several checks as one.

use super::{Check, Found};
use crate::Sample;

/// All must pass, or their weighted mean must reach a threshold.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) checks: Vec<Check>,
    pub(super) threshold: Option<f64>,
}

impl Set {
    pub(super) fn found(&self, sample: &Sample) -> Found {
        let found: Vec<Found> = self.checks.iter().map(|check| check.found(sample)).collect();
        let pairs = || self.checks.iter().zip(&found);
        let total: f64 = self.checks.iter().map(|check| check.weight).sum();
        let sum: f64 = pairs().filter_map(|(c, f)| Some(c.weight * f.value?)).sum();
        let open: f64 = pairs().filter(|(_, f)| f.value.is_none()).map(|(c, _)| c.weight).sum();
        let value = (open <= 0.0).then_some(sum / total);
        let pass = match self.threshold {
            // Whatever the open ones would say, the sum is between these two.
            Some(threshold) if sum / total >= threshold => Some(true),
            Some(threshold) if (sum + open) / total < threshold => Some(false),
            Some(_) => None,
            None if found.iter().any(|found| found.pass == Some(false)) => Some(false),
            None => found.iter().all(|found| found.pass.is_some()).then_some(true),
        };
        let wanted = if pass.is_none() { None } else { Some(false) };
        let told: Vec<String> = pairs()
            .filter(|(_, found)| pass != Some(true) && found.pass == wanted)
            .map(|(check, found)| format!("{}: {}", check.kind, found.why))
            .collect();
        Found { value, pass, why: told.join("; ").into() }
    }
}
