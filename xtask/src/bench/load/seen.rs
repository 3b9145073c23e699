//! The results of a load generator.

use std::time::Duration;

/// Three of the quantiles of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Quantiles {
    pub(in crate::bench) p50: Duration,
    pub(in crate::bench) p99: Duration,
    pub(in crate::bench) p999: Duration,
}

impl Quantiles {
    /// Of single values in microseconds; `None` of none.
    pub(super) fn of(mut micros: Vec<u64>) -> Option<Self> {
        micros.sort_unstable();
        let last = micros.len().checked_sub(1)?;
        // The smallest value that is not exceeded by so many in a thousand.
        let at = |permille: usize| {
            let rank = (micros.len() * permille).div_ceil(1000).saturating_sub(1);
            Duration::from_micros(micros[rank.min(last)])
        };
        Some(Self { p50: at(500), p99: at(990), p999: at(999) })
    }
}

/// The results of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Seen {
    /// Requests answered, or events that came.
    pub(in crate::bench) requests: u64,
    /// The duration.
    pub(in crate::bench) duration: Duration,
    pub(in crate::bench) latency: Quantiles,
}

/// The results that only open streams have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) struct StreamsSeen {
    /// From the request to the first byte of its answer.
    pub(in crate::bench) first_byte: Quantiles,
    /// Resident memory of the proxy while they were open; none without a proxy.
    pub(in crate::bench) rss_kib: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let latency = Quantiles::of(vec![30, 10, 20]).expect("some");
        assert_eq!(latency.p50, Duration::from_micros(20));
        assert_eq!(latency.p99, Duration::from_micros(30));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}
