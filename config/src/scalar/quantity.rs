//! Numbers, switches and quantities.

use super::{FromText, Wrong};
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
