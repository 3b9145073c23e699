//! Spans of time on the command line.

use std::time::Duration;

/// A number of seconds, such as `3` or `0.3`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| format!("{text:?} is no positive number of seconds: write one like `2.5`"))
}

/// Its length in microseconds.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_or_refused() {
        assert_eq!(seconds("0.3"), Ok(Duration::from_millis(300)));
        for bad in ["0", "-1", "nan", "inf", "1s", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
