//! Money: whole nano-dollars, read from decimals without a float in between.

/// A billion dollars: more than any answer or budget, and a billion of them still fit a `u128`.
pub const MAX_USD_NANOS: u64 = 1_000_000_000 * NANOS;
const NANOS: u64 = 1_000_000_000;

/// Reads an amount of dollars like `0.00123` as nano-dollars: exact to nine places, rounded half up
/// beyond. `None` for anything else: a sign, an exponent, no digit, more than a billion.
#[must_use]
pub fn parse_usd(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let point = memchr::memchr(b'.', text).unwrap_or(text.len());
    let (whole, fraction) = (&text[..point], text.get(point + 1..).unwrap_or(b""));
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let dollars = whole
        .iter()
        .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    let place = |at: usize| fraction.get(at).map_or(0, |digit| u64::from(digit - b'0'));
    let nanos = (0..9).fold(0, |sum, at| sum * 10 + place(at)) + u64::from(place(9) >= 5);
    let amount = dollars.checked_mul(NANOS)?.checked_add(nanos)?;
    (amount <= MAX_USD_NANOS).then_some(amount)
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
            "1e3",
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
