//! Checks on what an answer took. What is not known is not judged.

use super::found::Found;
use crate::Sample;

#[derive(Clone, Debug)]
pub(crate) enum OperationalTest {
    /// Milliseconds, as promptfoo counts them.
    Latency(f64),
    /// US dollars.
    Cost(f64),
}

impl OperationalTest {
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
