//! Numbers, switches and quantities.

use super::from_text::{FromText, Wrong};
use crate::read::Json;
use crate::{Rate, Size, Time};
use stagegate_rollout::Weight;
use std::time::Duration;

impl FromText for bool {
    const NAME: &'static str = "switch";
    const JSON: Json = Json::Bool;
    const HINT: &'static str = "write `true` or `false`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither `true` nor `false`".into()),
        }
    }
}

/// A whole number in a range.
#[derive(Clone, Copy)]
pub(crate) struct Int<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> FromText for Int<MIN, MAX> {
    const NAME: &'static str = "whole number";
    const JSON: Json = Json::Integer(MIN, MAX);
    const HINT: &'static str = "write a whole number";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(Wrong::with_hint(
                format!("is not a whole number from {MIN} to {MAX}"),
                format!("write a number from {MIN} to {MAX}"),
            )),
        }
    }
}

impl FromText for Time {
    const NAME: &'static str = "duration";
    const JSON: Json = Json::ZeroOr("^([0-9]+(ms|s|m|h|d)|0)$");
    const HINT: &'static str = "write a whole number with `ms`, `s`, `m`, `h` or `d`, like `30s`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| "is not a duration".into())
    }
}

/// A duration above zero.
#[derive(Clone, Copy)]
pub(crate) struct Wait(pub(crate) Duration);

impl FromText for Wait {
    const NAME: &'static str = "duration";
    const JSON: Json = Json::Pattern("^[0-9]*[1-9][0-9]*(ms|s|m|h|d)$");
    const HINT: &'static str = Time::HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match Time::from_text(text)? {
            Time(Duration::ZERO) => Err("is zero, which would never succeed".into()),
            Time(time) => Ok(Self(time)),
        }
    }
}

impl FromText for Size {
    const NAME: &'static str = "size";
    const JSON: Json = Json::IntegerOr(0, "^[0-9]+(B|KiB|MiB|GiB|TiB)?$");
    const HINT: &'static str =
        "write a number of bytes, or one with `KiB`, `MiB` or `GiB`, like `32MiB`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| "is not a size".into())
    }
}

/// A size from `MIN` to `MAX` bytes. A `MIN` of 0 or a `MAX` of [`u64::MAX`] is no bound.
#[derive(Clone, Copy)]
pub(crate) struct SizeIn<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> FromText for SizeIn<MIN, MAX> {
    const NAME: &'static str = Size::NAME;
    const JSON: Json = Size::JSON;
    const HINT: &'static str = Size::HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let Size(bytes) = Size::from_text(text)?;
        if (MIN..=MAX).contains(&bytes) {
            return Ok(Self(bytes));
        }
        let (least, most) = (bound(MIN), bound(MAX));
        Err(match (MIN, MAX) {
            (0, _) => {
                Wrong::with_hint(format!("is above {most}"), format!("write at most `{most}`"))
            }
            (_, u64::MAX) => {
                Wrong::with_hint(format!("is below {least}"), format!("write at least `{least}`"))
            }
            _ => Wrong::with_hint(
                format!("is not a size from {least} to {most}"),
                format!("write a size from `{least}` to `{most}`"),
            ),
        })
    }
}

/// A bound as it is written in messages.
fn bound(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes}B") } else { Size(bytes).to_string() }
}

impl FromText for Weight {
    const NAME: &'static str = "share";
    const JSON: Json = Json::Pattern("^(100(\\.0{1,3})?|[0-9]{1,2}(\\.[0-9]{1,3})?)%$");
    const HINT: &'static str = "write a share like `10%` or `0.5%`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| "is not a share from 0% to 100% in steps of 0.001%".into())
    }
}

impl FromText for Rate {
    const NAME: &'static str = "rate";
    const JSON: Json = Json::Pattern("^[0-9]*[1-9][0-9]*/s$");
    const HINT: &'static str = "write a number of requests a second, at least one, like `100/s`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| "is not a rate".into())
    }
}

/// A number of threads, or as many as the machine has cores.
#[derive(Clone, Copy)]
pub(crate) enum Workers {
    Auto,
    Count(usize),
}

impl FromText for Workers {
    const NAME: &'static str = "`auto` or number of threads";
    const JSON: Json = Json::IntegerOr(1, "^(auto|[0-9]+)$");
    const HINT: &'static str = "write `auto` or a number of threads from 1 to 1024";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let Int(count) = Int::<1, 1024>::from_text(text)
            .map_err(|_| Wrong::from("is not a number of threads"))?;
        Ok(Self::Count(count as usize))
    }
}

// What each of them is once it is read.

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        time.0
    }
}

/// Zero stands for no limit.
impl From<Time> for Option<Duration> {
    fn from(time: Time) -> Self {
        Some(time.0).filter(|time| *time > Duration::ZERO)
    }
}

impl From<Wait> for Duration {
    fn from(wait: Wait) -> Self {
        wait.0
    }
}

/// In whole milliseconds.
pub(crate) fn millis(time: impl Into<Duration>) -> u64 {
    u64::try_from(time.into().as_millis()).unwrap_or(u64::MAX)
}

impl From<Size> for u64 {
    fn from(size: Size) -> Self {
        size.0
    }
}

impl<const MIN: u64, const MAX: u64> From<SizeIn<MIN, MAX>> for u64 {
    fn from(size: SizeIn<MIN, MAX>) -> Self {
        size.0
    }
}

impl<const MIN: u64, const MAX: u64> From<SizeIn<MIN, MAX>> for usize {
    fn from(size: SizeIn<MIN, MAX>) -> Self {
        size.0 as Self
    }
}

impl From<Rate> for u32 {
    fn from(rate: Rate) -> Self {
        rate.per_second()
    }
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl<const MIN: u64, const MAX: u64> From<Int<MIN, MAX>> for $number {
            fn from(number: Int<MIN, MAX>) -> Self {
                const { assert!(MAX <= <$number>::MAX as u64, "the range does not fit") };
                number.0 as Self
            }
        }
    )+};
}

whole_numbers!(u16, u32, u64, usize);
