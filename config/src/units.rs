//! Quantities as people write them: durations, sizes and rates.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// A text that is not a quantity of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number with a known unit")]
pub struct InvalidUnit;

/// Splits `30s` into 30 and `s`; whole decimal numbers only, so that nothing is rounded.
fn split(text: &str) -> Result<(u64, &str), InvalidUnit> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().map_err(|_| InvalidUnit)?;
    Ok((number, text[digits..].trim_start()))
}

/// A length of time: `250ms`, `30s`, `5m`, `4h`, `3d`, or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

/// Longest accepted time: a hundred years, far from where clocks overflow.
const LONGEST: u64 = 100 * 365 * 86_400_000;

const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Time {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let (number, unit) = split(text)?;
        if number == 0 && unit.is_empty() {
            return Ok(Self(Duration::ZERO));
        }
        let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit).ok_or(InvalidUnit)?;
        let millis = number.checked_mul(*factor).filter(|millis| *millis <= LONGEST);
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or(InvalidUnit)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis() as u64;
        match TIMES.iter().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", millis / factor),
            None => f.write_str("0s"),
        }
    }
}

/// A number of bytes: `64KiB`, `32MiB`, `1GiB` or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SIZES: [(&str, u64); 4] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromStr for Size {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let (number, unit) = split(text)?;
        let factor = match unit {
            "" | "B" => 1,
            _ => SIZES.iter().find(|(name, _)| *name == unit).ok_or(InvalidUnit)?.1,
        };
        // SQLite and file lengths are signed: nothing above i64 can be meant.
        let bytes = number.checked_mul(factor).filter(|bytes| *bytes <= i64::MAX as u64);
        bytes.map(Self).ok_or(InvalidUnit)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number of requests a second, at least one: `100/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(NonZeroU32);

impl Rate {
    /// Requests a second, at least 1.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for Rate {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let (number, unit) = split(text)?;
        let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
        number.filter(|_| unit == "/s").map(Self).ok_or(InvalidUnit)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Rate, Size, Time};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn reads_what_people_write() {
        let millis = |text: &str| text.parse::<Time>().map(|time| time.0.as_millis());
        for (text, expected) in
            [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("4h", 14_400_000), ("0", 0)]
        {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        assert_eq!("3d".parse(), Ok(Time(Duration::from_secs(259_200))));
        assert_eq!("64KiB".parse(), Ok(Size(65_536)));
        assert_eq!("1GiB".parse(), Ok(Size(1 << 30)));
        assert_eq!("4096".parse(), Ok(Size(4096)));
        assert_eq!("100/s".parse::<Rate>().map(Rate::per_second), Ok(100));
    }

    #[test]
    fn refuses_what_would_have_to_be_guessed() {
        for text in ["", "30", "s", "1.5s", "-1s", "1 week", "30S", "99999999999999999999s", "٣s"]
        {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        for text in ["", "64KB", "64kib", "1.5MiB", "-1", "9999999TiB", "KiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        for text in ["", "100", "0/s", "100/m", "/s", "1e3/s", "4294967296/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_survive_a_round_trip(millis in 0..=LONGEST) {
            let time = Time(Duration::from_millis(millis));
            prop_assert_eq!(time.to_string().parse::<Time>(), Ok(time));
        }

        #[test]
        fn sizes_survive_a_round_trip(bytes in 0..=i64::MAX as u64, shift in 0..40u32) {
            for size in [Size(bytes), Size(bytes >> shift << shift)] {
                prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
            }
        }

        #[test]
        fn rates_survive_a_round_trip(number in 1..=u32::MAX) {
            let rate: Rate = format!("{number}/s").parse().expect("a rate");
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }
    }
}
