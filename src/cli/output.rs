//! What a person or a program reads: answers to standard output, everything else to standard error.

use super::client::Failure;
use serde_json::Value;
use std::io::Write;

/// A table for people, or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned text.
    Table,
    /// The API's answer as it is.
    Json,
}

/// Writes the answer. A reader that went away (`| head`) is not an error.
pub(crate) fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(out, "{text}{newline}").and_then(|()| out.flush());
}

/// Writes a remark or an error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes an API answer in the wanted form.
pub(super) fn show(format: Format, value: &Value, table: impl FnOnce() -> String) {
    match format {
        Format::Table => answer(&table()),
        Format::Json => answer(&json(value)),
    }
}

/// Writes why a command was not done: to standard error, and for programs as JSON too.
pub(super) fn fail(failure: &Failure, format: Format) {
    note(&format!("error: {failure}"));
    if let (Format::Json, Some(problem)) = (format, failure.problem()) {
        answer(&json(problem));
    }
}

/// Indented JSON.
pub(super) fn json(value: &Value) -> String {
    // A `Value` has only text keys, so this cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A count with thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage with as many places as are worth reading.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        p if p < 1.0 => format!("{p:.2}%"),
        p => format!("{p:.1}%"),
    }
}

/// Milliseconds for a narrow column.
pub(crate) fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// A span in its largest useful unit.
pub(super) fn span(ms: u64) -> String {
    match ms / 1000 {
        s if s < 60 => format!("{s}s"),
        s if s < 7200 => format!("{}m", s / 60),
        s if s < 172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// A moment as `2026-01-31 14:02:07Z`.
pub(super) fn moment(at_ms: u64) -> String {
    let (days, seconds) = (at_ms / 86_400_000, at_ms / 1000 % 86_400);
    // Days since 0000-03-01 into year, month and day: years of 400-year eras start in March, so
    // that the leap day is the last day of a year (Howard Hinnant, chrono-compatible algorithms).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{grouped, millis, moment, percent, span};

    #[test]
    fn moments_are_calendar_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00Z");
        assert_eq!(moment(951_782_399_000), "2000-02-28 23:59:59Z");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00Z");
        assert_eq!(moment(1_709_251_200_000), "2024-03-01 00:00:00Z");
        assert_eq!(moment(4_102_444_799_999), "2099-12-31 23:59:59Z");
    }

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(0.0042), "0.42%");
        assert_eq!(percent(0.0991), "9.9%");
        assert_eq!(millis(0.25), "0.25 ms");
        assert_eq!(millis(12.34), "12.3 ms");
        assert_eq!(millis(12_340.0), "12.3 s");
        assert_eq!(span(59_999), "59s");
        assert_eq!(span(60_000), "1m");
        assert_eq!(span(7_200_000), "2h");
    }
}
