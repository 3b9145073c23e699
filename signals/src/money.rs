//! Money: whole nano-dollars, read from decimals without a float in between.

/// A billion dollars: more than any answer or budget, and a billion of them still fit a `u128`.
pub const MAX_USD_NANOS: u64 = 1_000_000_000 * NANOS;
const NANOS: u64 = 1_000_000_000;

/// Reads an amount of dollars like `0.00123` or `1.23e-3` as nano-dollars: exact to nine places,
/// rounded half up beyond. `None` for anything else: a sign, no digit, more than a billion.
#[must_use]
pub fn parse_usd(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let end = memchr::memchr2(b'e', b'E', text).unwrap_or(text.len());
    let exponent = match text.get(end + 1..) {
        None => 0,
        Some(exponent) => std::str::from_utf8(exponent).ok()?.parse::<i32>().ok()?,
    };
    let number = &text[..end];
    let point = memchr::memchr(b'.', number).unwrap_or(number.len());
    let (whole, fraction) = (&number[..point], number.get(point + 1..).unwrap_or(b""));
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    // Digits up to the nano-dollar's place, and the one behind it, which rounds.
    let places = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 9;
    let mut digits = whole.iter().chain(fraction).map(|digit| u64::from(digit - b'0'));
    let mut nanos = 0u64;
    for place in 0..places {
        let Some(digit) = digits.next() else {
            return scaled(nanos, places - place);
        };
        nanos = nanos.checked_mul(10)?.checked_add(digit)?;
    }
    let rounds = places >= 0 && digits.next().is_some_and(|digit| digit >= 5);
    nanos.checked_add(u64::from(rounds)).filter(|nanos| *nanos <= MAX_USD_NANOS)
}

/// An amount with so many zeros behind it.
fn scaled(nanos: u64, zeros: i64) -> Option<u64> {
    if nanos == 0 {
        return Some(0);
    }
    let factor = 10u64.checked_pow(u32::try_from(zeros).ok()?)?;
    nanos.checked_mul(factor).filter(|nanos| *nanos <= MAX_USD_NANOS)
}

#[cfg(test)]
mod tests {
    use super::{MAX_USD_NANOS, parse_usd};
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, nanos) in [
            ("0", 0),
            ("0.00123", 1_230_000),
            (" 12.5 ", 12_500_000_000),
            (".5", 500_000_000),
            ("3.", 3_000_000_000),
            ("0.000000001", 1),
            ("0.0000000014", 1),
            ("0.0000000015", 2),
            ("0.9999999999", 1_000_000_000),
            ("1000000000", MAX_USD_NANOS),
            ("1e3", 1_000_000_000_000),
            ("7.4e-06", 7_400),
            ("7.4E-7", 740),
            ("1.23e-3", 1_230_000),
            ("12.5e+1", 125_000_000_000),
            ("5e-10", 1),
            ("4e-10", 0),
            ("9e-11", 0),
            ("0e999999999", 0),
            ("1e-2147483648", 0),
            ("0.00000000000000000000000000000000000000000001e44", 1_000_000_000),
        ] {
            assert_eq!(parse_usd(text.as_bytes()), Some(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e",
            "e3",
            "1e3.5",
            "1e99999999999",
            "1e10",
            "1e2147483647",
            "$1",
            "1,5",
            "1.2.3",
            "NaN",
            "inf",
            "0x1",
            "1000000000.1",
            "99999999999999999999999",
        ] {
            assert_eq!(parse_usd(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_nano_dollar_survives_being_written(nanos in 0..=MAX_USD_NANOS) {
            let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            prop_assert_eq!(parse_usd(text.as_bytes()), Some(nanos));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = parse_usd(&bytes);
        }
    }
}
