//! The cost of a response, and how reliable it is.

use crate::rates::{Rates, Wanted};
use crate::scanner::Signals;
use crate::usage::Usage;
use stagegate_rollout::{CostTruth, Unpriced};

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
    /// The way in which it is known.
    pub truth: CostTruth,
    /// The reason why it is unknown.
    pub unpriced: Option<Unpriced>,
}

impl Cost {
    /// The cost of a response; `None` if no cost can be expected: its body was not scanned, its
    /// request generated no answer, or it failed before any usage was reported.
    ///
    /// `stated` is the cost that the backend states, in nano-dollars, and has priority over tokens.
    /// `rates` gives a model's rates. If a model answered successfully without usage, the cost is
    /// estimated: one token for every four bytes of the request, and for the answer one for every
    /// event of a stream, or for every four bytes of another body.
    pub fn of(
        signals: Option<&Signals>,
        stated: Option<u64>,
        status: u16,
        passed: Passed,
        rates: impl FnOnce(&Wanted<'_>) -> Option<Rates>,
    ) -> Option<Self> {
        if let Some(nanos) = stated {
            return Some(Self::known(nanos, CostTruth::Reported));
        }
        let signals = signals.filter(|signals| signals.is_generation)?;
        let is_good = (200..300).contains(&status);
        let (usage, truth) = match signals.usage {
            Some(usage) if signals.is_final => (usage, CostTruth::Reported),
            Some(usage) => (usage, CostTruth::PartialStream),
            None if !is_good || signals.failure.is_some() => return None,
            None if signals.unreadable => return Some(Self::unknown(Unpriced::Unread)),
            None if signals.is_pending => return Some(Self::unknown(Unpriced::Unfinished)),
            None => (estimate(signals, passed), CostTruth::Estimated),
        };
        let Some(model) = signals.model() else { return Some(Self::unknown(Unpriced::NoModel)) };
        let wanted = Wanted::of(signals.protocol, model, signals.tier, &usage);
        Some(match rates(&wanted) {
            Some(rates) => Self::known(rates.cost(&usage), truth),
            None => Self::unknown(Unpriced::NotListed),
        })
    }

    /// A cost that is known.
    #[must_use]
    pub const fn known(nanos: u64, truth: CostTruth) -> Self {
        Self { nanos: Some(nanos), truth, unpriced: None }
    }

    /// A cost that is not known.
    #[must_use]
    pub const fn unknown(why: Unpriced) -> Self {
        Self { nanos: None, truth: CostTruth::Unknown, unpriced: Some(why) }
    }
}

fn estimate(signals: &Signals, passed: Passed) -> Usage {
    let output =
        if signals.events > 0 { signals.events } else { passed.response.div_ceil(BYTES_PER_TOKEN) };
    Usage { input: passed.request.div_ceil(BYTES_PER_TOKEN), output, ..Usage::default() }
}
