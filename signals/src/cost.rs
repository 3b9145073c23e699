//! What an answer cost, and how well that is known.

use crate::protocol::Protocol;
use crate::scanner::Signals;
use crate::tariff::Rates;
use crate::usage::Usage;
use stagegate_rollout::CostTruth;

/// Bytes taken for one token where nothing better is known: English text is near four.
const BYTES_PER_TOKEN: u64 = 4;

/// Body bytes that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// From the client.
    pub request: u64,
    /// To the client.
    pub response: u64,
}

/// A cost and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Nano-dollars; none when the cost is unknown.
    pub nanos: Option<u64>,
    /// How it is known.
    pub truth: CostTruth,
}

impl Cost {
    /// The cost of an answer; none for one of which no cost can be expected: its body was not
    /// scanned, or it failed before any usage was told.
    ///
    /// `stated` is the backend's own word in nano-dollars and goes before tokens. `rates` gives a
    /// model's rates for so many input tokens. Where a model answered well but told no usage, the
    /// cost is estimated: one token for every four bytes of the request, and for the answer one for
    /// every event of a stream, or for every four bytes of another body.
    pub fn of(
        signals: Option<&Signals>,
        stated: Option<u64>,
        status: u16,
        passed: Passed,
        rates: impl FnOnce(Protocol, &str, u64) -> Option<Rates>,
    ) -> Option<Self> {
        if let Some(nanos) = stated {
            return Some(Self { nanos: Some(nanos), truth: CostTruth::Reported });
        }
        let signals = signals?;
        let is_good = (200..300).contains(&status);
        let (usage, truth) = match signals.usage {
            Some(usage) if signals.is_final => (usage, CostTruth::Reported),
            Some(usage) => (usage, CostTruth::PartialStream),
            None if !is_good || signals.failure.is_some() => return None,
            None => (estimate(signals, passed), CostTruth::Estimated),
        };
        let unknown = Some(Self { nanos: None, truth: CostTruth::Unknown });
        let Some(model) =
            signals.model().filter(|_| !signals.unreadable || signals.usage.is_some())
        else {
            return unknown;
        };
        match rates(signals.protocol, model, usage.total_input()) {
            Some(rates) => Some(Self { nanos: Some(rates.cost(&usage)), truth }),
            None => unknown,
        }
    }
}

fn estimate(signals: &Signals, passed: Passed) -> Usage {
    let output =
        if signals.events > 0 { signals.events } else { passed.response.div_ceil(BYTES_PER_TOKEN) };
    Usage { input: passed.request.div_ceil(BYTES_PER_TOKEN), output, ..Usage::default() }
}
