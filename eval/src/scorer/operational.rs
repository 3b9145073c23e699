//! Checks on what an answer took. What is not known is not judged.

use super::form::Number;
use super::keys::{Keys, keys};
use super::types::{Make, Type};
use super::{Found, Test};
use crate::Sample;

keys! {
    struct Slowest {
        /// The most milliseconds that the answer may take.
        threshold: Number<1_000_000_000_000> = required, "5000";
    }
}

keys! {
    struct Dearest {
        /// The most US dollars that the answer may cost.
        threshold: Number<1_000_000_000_000> = required, "0.002";
    }
}

pub(super) const TYPES: &[Type] = &[
    Type {
        name: "latency",
        doc: "Passes when the answer took no longer than this.",
        own: Slowest::keys,
        make: Make::Check(|fields, cx| {
            let most = Slowest::read(fields, cx).threshold?.0;
            Some(Test::Operational(OperationalTest::Latency(most)))
        }),
    },
    Type {
        name: "cost",
        doc: "Passes when the answer cost no more than this.",
        own: Dearest::keys,
        make: Make::Check(|fields, cx| {
            let most = Dearest::read(fields, cx).threshold?.0;
            Some(Test::Operational(OperationalTest::Cost(most)))
        }),
    },
];

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
