//! All measurements of one set-up under one load, and what is made of them.

use std::time::Duration;

use crate::bench::case::Case;
use crate::bench::load::{Quantiles, Round};
use crate::bench::proxy::Setup;

/// One set-up under one load.
pub(in crate::bench) struct Cell {
    pub(in crate::bench) case: &'static Case,
    pub(in crate::bench) connections: u32,
    pub(in crate::bench) setup: Setup,
    pub(in crate::bench) rounds: Vec<Round>,
    pub(in crate::bench) syscalls: Option<f64>,
    /// Resident memory of the proxy before it had served anything, for the cases that ask.
    pub(in crate::bench) idle_kib: Option<u64>,
}

impl Cell {
    pub(in crate::bench) fn new(case: &'static Case, connections: u32, setup: Setup) -> Self {
        Self { case, connections, setup, rounds: Vec::new(), syscalls: None, idle_kib: None }
    }

    /// The median of a figure; none where no round has it.
    pub(super) fn median(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure).collect())
    }

    /// The median of a quantile of the latency, in microseconds.
    pub(super) fn latency(&self, quantile: impl Fn(&Quantiles) -> Duration) -> Option<f64> {
        self.median(|round| Some(micros(quantile(&round.seen.latency))))
    }

    /// The same of the time to the first byte, where it was measured.
    pub(super) fn first_byte(&self, quantile: impl Fn(&Quantiles) -> Duration) -> Option<f64> {
        self.median(|round| Some(micros(quantile(&round.streams?.first_byte))))
    }

    /// Resident memory that each open stream takes.
    pub(super) fn kib_per_stream(&self) -> Option<f64> {
        let idle = self.idle_kib?;
        self.median(|round| {
            let grown = round.streams?.rss_kib?.saturating_sub(idle);
            Some(to_float(grown) / f64::from(self.connections))
        })
    }

    /// Median over the rounds of this set-up's CPU time per request by the other's in the same
    /// round: what disturbs the machine for a while disturbs both.
    pub(super) fn ratio_to(&self, other: &Self) -> Option<f64> {
        self.ratio_of(other, cpu_us)
    }

    /// The same of the threads that serve requests alone.
    pub(super) fn serving_ratio_to(&self, other: &Self) -> Option<f64> {
        self.ratio_of(other, serving_us)
    }

    /// Median over the rounds of the CPU time per request that this set-up took more than the
    /// other in the same round, in microseconds.
    pub(super) fn more_than(&self, other: &Self) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.filter_map(|(a, b)| Some(cpu_us(a)? - cpu_us(b)?)).collect())
    }

    fn ratio_of(&self, other: &Self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.filter_map(|(a, b)| Some(figure(a)? / figure(b)?)).collect())
    }

    pub(super) fn same_load(&self, other: &Self) -> bool {
        self.case.name == other.case.name && self.connections == other.connections
    }
}

/// CPU time per request in microseconds.
pub(super) fn cpu_us(round: &Round) -> Option<f64> {
    Some(micros(round.cpu?) / to_float(round.seen.requests))
}

/// The same of the threads that serve requests alone.
fn serving_us(round: &Round) -> Option<f64> {
    Some(micros(round.serving?) / to_float(round.seen.requests))
}

/// Requests a second.
pub(in crate::bench) fn rate(round: &Round) -> Option<f64> {
    Some(to_float(round.seen.requests) / round.seen.duration.as_secs_f64())
}

/// The share of its core that the proxy used, from 0 to 1.
pub(super) fn core_share(round: &Round) -> Option<f64> {
    Some(round.cpu?.as_secs_f64() / round.seen.duration.as_secs_f64())
}

/// Resident memory in KiB.
pub(super) fn rss_kib(round: &Round) -> Option<f64> {
    round.rss_kib.map(to_float)
}

/// The middle value, or the mean of the two middle ones; `None` of none.
pub(in crate::bench) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let value = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { value } else { f64::midpoint(values[middle - 1], value) })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn to_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::load::{Seen, StreamsSeen};
    use crate::bench::proxy::Kind;

    pub(in crate::bench::report) fn cell(kind: Kind, costs_us: &[u64]) -> Cell {
        let mut cell = Cell::new(&Case::all()[0], 64, kind.setups()[0]);
        cell.rounds = costs_us.iter().map(|cost| round(*cost)).collect();
        cell
    }

    fn round(cost_us: u64) -> Round {
        let latency = Quantiles {
            p50: Duration::from_micros(5),
            p99: Duration::from_micros(9),
            p999: Duration::from_micros(12),
        };
        let seen = Seen { requests: 1000, duration: Duration::from_secs(1), latency };
        let cpu = Some(Duration::from_micros(cost_us * 1000));
        // A tenth is done by threads beside.
        let serving = cpu.map(|cpu| cpu.mul_f64(0.9));
        Round { cpu, serving, rss_kib: Some(2048), seen, streams: None }
    }

    #[test]
    fn a_median_ignores_one_bad_round() {
        let cell = cell(Kind::Stagegate, &[20, 21, 90]);
        assert_eq!(cell.median(cpu_us), Some(21.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The machine was twice as slow in the second round, for both.
        let ours = cell(Kind::Stagegate, &[10, 20, 10]);
        let theirs = cell(Kind::Haproxy, &[20, 40, 20]);
        assert_eq!(ours.ratio_to(&theirs), Some(0.5));
        assert_eq!(ours.more_than(&theirs), Some(-10.0));
    }

    #[test]
    fn a_stream_takes_what_the_process_has_grown_by() {
        let mut cell = cell(Kind::Stagegate, &[10]);
        assert_eq!(cell.kib_per_stream(), None);
        let first_byte = cell.rounds[0].seen.latency;
        cell.rounds[0].streams = Some(StreamsSeen { first_byte, rss_kib: Some(1000 + 640) });
        cell.idle_kib = Some(1000);
        assert_eq!(cell.kib_per_stream(), Some(10.0));
        assert_eq!(cell.first_byte(|q| q.p99), Some(9.0));
    }
}
