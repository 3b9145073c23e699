//! Lengths of time as people type them.

use std::fmt;
use std::str::FromStr;

/// A length of time: `250ms`, `30s`, `5m`, `4h`, `3d`, or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

/// A text that is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDuration;

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a whole number with a unit, like `30s`, `5m`, `4h` or `7d`")
    }
}

impl std::error::Error for InvalidDuration {}

/// Longest accepted time: a hundred years, far from where clocks overflow.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| InvalidDuration)?;
        let unit = text[digits..].trim_start();
        if number == 0 && unit.is_empty() {
            return Ok(Self(std::time::Duration::ZERO));
        }
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidDuration)?;
        let millis = number.checked_mul(*factor).filter(|millis| *millis <= LONGEST_MS);
        millis.map(|millis| Self(std::time::Duration::from_millis(millis))).ok_or(InvalidDuration)
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn durations_have_a_unit() {
        let millis = |text: &str| text.parse::<Duration>().map(|it| it.0.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("30m"), Ok(1_800_000));
        assert_eq!(millis("7d"), Ok(604_800_000));
        assert_eq!(millis("0"), Ok(0));
        for wrong in ["", "h", "24", "1w", "-1h", "1.5h", "99999999999999999999d", "ü"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }
}
