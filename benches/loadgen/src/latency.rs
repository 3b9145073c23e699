//! Latencies and the quantiles that are reported.

use std::fmt;

use stagegate_rollout::Histogram;

/// Latencies in microseconds, exact to about 1%.
#[derive(Default)]
pub(crate) struct Latencies(Histogram);

impl Latencies {
    /// Counts one.
    pub(crate) fn record(&mut self, micros: u64) {
        self.0.record(micros);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.count()
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The quantiles as fields of a report: `p50_us=… p99_us=… p999_us=…`, each name with
    /// `prefix` before it. Zero where nothing was counted.
    pub(crate) fn fields(&self, prefix: &'static str) -> impl fmt::Display {
        Fields { prefix, quantiles: QUANTILES.map(|(name, q)| (name, self.quantile(q))) }
    }

    fn quantile(&self, q: f64) -> u64 {
        self.0.quantile(q).unwrap_or(0)
    }
}

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)];

struct Fields {
    prefix: &'static str,
    quantiles: [(&'static str, u64); 3],
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, micros)) in self.quantiles.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{}{name}_us={micros}", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_told_from_the_middle() {
        let mut latencies = Latencies::default();
        for micros in 1..=10_000 {
            latencies.record(micros);
        }
        let near = |q, wanted: u64| {
            let found = latencies.quantile(q);
            assert!(found.abs_diff(wanted) * 50 <= wanted, "{found} is not about {wanted}");
        };
        near(0.5, 5_000);
        near(0.99, 9_900);
        near(0.999, 9_990);
    }

    #[test]
    fn fields_carry_their_prefix() {
        let none = Latencies::default().fields("ttfb_").to_string();
        assert_eq!(none, "ttfb_p50_us=0 ttfb_p99_us=0 ttfb_p999_us=0");
    }
}
