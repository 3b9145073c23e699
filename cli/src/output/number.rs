//! Numbers for people.

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
pub(crate) fn counted(count: u64, noun: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::{counted, grouped, millis, percent};

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
