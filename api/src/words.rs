//! Numbers and spans of time for people: the same in the command line, the pages and the reports.

use crate::{Estimated, Unit};

/// A count with thousands apart: `12,345`.
#[must_use]
pub fn grouped(number: u64) -> String {
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

/// A count with its noun: `1 worker`, `12,345 workers`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A share as a percentage with as many places as are worth reading.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        p if p < 1.0 => format!("{p:.2}%"),
        p => format!("{p:.1}%"),
    }
}

/// Milliseconds for a narrow column.
#[must_use]
pub fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// A figure in its unit: `0.42%`, `12.3 ms`, `$0.00210`, `1.50x`.
#[must_use]
pub fn figure(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => percent(value),
        Unit::Us => millis(value / 1e3),
        Unit::Usd if value.abs() < 1.0 => format!("${value:.5}"),
        Unit::Usd => format!("${value:.2}"),
        Unit::Tokens => grouped(value.max(0.0).round() as u64),
        Unit::Ratio => format!("{value:.2}x"),
        Unit::Plain => plain(value),
    }
}

/// A number of any size with four digits that count: `0.01234`, `1234.6`, `12`.
fn plain(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let places = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.places$}");
    let short =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    short.to_owned()
}

/// The bounds of an estimate as figures; none without bounds, and none where they read as the value
/// does: a value that is known exactly has no interval.
#[must_use]
pub fn bounds(unit: Unit, estimate: &Estimated) -> Option<[String; 2]> {
    let value = figure(unit, estimate.value);
    let bounds = [estimate.low?, estimate.high?].map(|bound| figure(unit, bound));
    (bounds != [value.clone(), value]).then_some(bounds)
}

/// A span in its largest useful unit: `58s`, `90m`, `3h`, `2d`.
#[must_use]
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        s if s < 60 => format!("{s}s"),
        s if s < 7200 => format!("{}m", s / 60),
        s if s < 172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// The text without characters that a terminal obeys or that show what follows in another order:
/// they come from reasons and names, and are shown as `\u{202e}`. Line ends and tabs stay.
#[must_use]
pub fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c,
                '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped, millis, percent, span};

    #[test]
    fn a_span_has_one_unit() {
        assert_eq!(span(59_999), "59s");
        assert_eq!(span(60_000), "1m");
        assert_eq!(span(7_200_000), "2h");
    }

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!(grouped(7), "7");
        assert_eq!(counted(1, "worker"), "1 worker");
        assert_eq!(counted(2000, "worker"), "2,000 workers");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(0.0042), "0.42%");
        assert_eq!(percent(0.0991), "9.9%");
        assert_eq!(millis(0.25), "0.25 ms");
        assert_eq!(millis(12.34), "12.3 ms");
        assert_eq!(millis(12_340.0), "12.3 s");
    }
}
