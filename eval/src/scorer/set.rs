//! Several checks as one.

use super::form::Number;
use super::keys::{Keys, keys};
use super::read::Checks;
use super::types::{Make, Type};
use super::{Check, Found, Test};
use crate::Sample;

keys! {
    struct SetKeys {
        /// The checks. Each has the keys of its type, `not` and `weight`, and no name.
        assert: Checks = required, r#"[{"type": "is-json"}, {"type": "not-contains", "value": "sorry"}]"#;
        /// The weighted mean of the checks that is a pass. Without it, all of them must pass.
        threshold: Number<1> = optional, "0.5";
    }
}

pub(super) const TYPES: &[Type] = &[Type {
    name: "assert-set",
    doc: "Passes when all of the checks pass, or when their weighted mean reaches `threshold`.",
    own: SetKeys::keys,
    make: Make::Check(|fields, cx| {
        let SetKeys { assert, threshold } = SetKeys::read(fields, cx);
        let threshold = threshold.map(|threshold| threshold.0);
        Some(Test::Set(Set { checks: assert?.0, threshold }))
    }),
}];

/// All must pass, or their weighted mean must reach a threshold.
#[derive(Clone, Debug)]
pub(crate) struct Set {
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
