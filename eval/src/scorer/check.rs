//! A built-in scorer: a test, perhaps turned around, or a set of them.

use super::found::Found;
use super::operational::OperationalTest;
use super::structure::StructureTest;
use super::text::TextTest;
use super::tools::ToolTest;
use crate::{Sample, Score};

/// A built-in scorer.
#[derive(Clone, Debug)]
pub struct Check {
    /// The type as it was written, without `not-`.
    pub(super) kind: &'static str,
    pub(super) negated: bool,
    /// How much it counts in a set.
    pub(super) weight: f64,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Text(TextTest),
    Structure(StructureTest),
    Tools(ToolTest),
    Operational(OperationalTest),
    Set(Set),
}

impl Check {
    /// Judges a sample.
    #[must_use]
    pub fn score(&self, name: &str, sample: &Sample) -> Score {
        let Found { value, pass, why } = self.found(sample);
        Score { value, pass, ..Score::unscored(name, why) }
    }

    fn found(&self, sample: &Sample) -> Found {
        let reads = !matches!(self.test, Test::Operational(_) | Test::Set(_));
        if reads && let Some(why) = sample.unreadable() {
            return Found::unscored(why);
        }
        let found = match &self.test {
            Test::Text(test) => test.found(sample),
            Test::Structure(test) => test.found(sample),
            Test::Tools(test) => test.found(sample),
            Test::Operational(test) => test.found(sample),
            Test::Set(set) => set.found(sample),
        };
        if !self.negated {
            return found;
        }
        Found {
            value: found.value.map(|value| 1.0 - value),
            pass: found.pass.map(|pass| !pass),
            why: if found.pass.is_some() {
                format!("not: {}", found.why).into()
            } else {
                found.why
            },
        }
    }
}

/// All must pass, or their weighted mean must reach a threshold.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(super) checks: Vec<Check>,
    pub(super) threshold: Option<f64>,
}

impl Set {
    fn found(&self, sample: &Sample) -> Found {
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
