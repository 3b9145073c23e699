//! Checks on what an answer took. What is not known is not judged.

use super::Found;
use super::fields::Fields;
use crate::Sample;

pub(super) const TYPES: &[&str] = &["latency", "cost"];

#[derive(Clone, Debug)]
pub(super) enum OperationalTest {
    /// Milliseconds, as promptfoo counts them.
    Latency(f64),
    /// US dollars.
    Cost(f64),
}

impl OperationalTest {
    pub(super) fn read(kind: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let latency = kind == "latency";
        let hint = if latency {
            "write the most milliseconds, like `5000`"
        } else {
            "write the most US dollars, like `0.002`"
        };
        if fields.any("threshold").is_none() {
            fields.problem("threshold", "is missing", hint);
        }
        let most = fields.number("threshold", 0.0..=1e12, hint)?;
        Some(if latency { Self::Latency(most) } else { Self::Cost(most) })
    }

    pub(super) fn found(&self, sample: &Sample) -> Found {
        let (found, most, unit) = match self {
            Self::Latency(most) => (sample.metrics.latency_s.map(|s| s * 1000.0), *most, "ms"),
            Self::Cost(most) => (sample.metrics.cost_usd, *most, "US dollars"),
        };
        match found {
            None => Found::unscored("not known for this answer"),
            Some(found) if found <= most => Found::binary(true, ""),
            Some(found) => Found::binary(false, format!("{found:.6} {unit}, over {most}")),
        }
    }
}
