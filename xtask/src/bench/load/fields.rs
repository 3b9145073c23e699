//! The line that our own generators and wrk's script print: `stagegate-bench key=value …`.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::load::{Quantiles, Seen};

/// One such line.
pub(super) struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The line, if it is one.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        line.strip_prefix("stagegate-bench ").map(Self)
    }

    /// The one such line among others.
    pub(super) fn find(printed: &'a str) -> Result<Self> {
        printed.lines().find_map(Self::of).with_context(|| format!("no report in: {printed}"))
    }

    /// The text of a field.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<u64> {
        self.text(name)
            .with_context(|| format!("no {name} in: {}", self.0))?
            .parse()
            .with_context(|| format!("{name} is no number in: {}", self.0))
    }

    /// `p50_us`, `p99_us` and `p999_us`, each with `prefix` before it.
    pub(super) fn quantiles(&self, prefix: &str) -> Result<Quantiles> {
        let time = |name: &str| -> Result<Duration> {
            Ok(Duration::from_micros(self.number(&format!("{prefix}{name}_us"))?))
        };
        Ok(Quantiles { p50: time("p50")?, p99: time("p99")?, p999: time("p999")? })
    }

    /// The fields of every report.
    pub(super) fn seen(&self) -> Result<Seen> {
        Ok(Seen {
            requests: self.number("requests")?,
            duration: Duration::from_micros(self.number("duration_us")?),
            latency: self.quantiles("")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "stagegate-bench requests=10 duration_us=2000000 p50_us=5 p99_us=9 p999_us=12 broken=0";

    #[test]
    fn the_report_is_found_between_other_lines() {
        let printed = format!("Running 2s test\n{LINE}\n");
        let seen = Fields::find(&printed).expect("a report").seen().expect("complete");
        assert_eq!(seen.requests, 10);
        assert_eq!(seen.duration, Duration::from_secs(2));
        assert_eq!(seen.latency.p999, Duration::from_micros(12));
    }

    #[test]
    fn what_is_missing_is_named() {
        let fields = Fields::find(LINE).expect("a report");
        let error = fields.quantiles("ttfb_").expect_err("missing").to_string();
        assert!(error.contains("no ttfb_p50_us"), "{error}");
        assert!(Fields::find("nothing").is_err());
    }
}
