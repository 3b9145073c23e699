//! The scalars of policies: measures, limits, margins, ratios, chances.

use super::from_text::{FromText, Wrong};
use crate::Time;
use crate::read::{Json, suggestion};
use stagegate_rollout::{Amount, Measure, Quantile, ReleaseName, SimpleMeasure};
use std::sync::Arc;

/// A plain decimal number: digits, and digits after a point. No sign and no exponent, so that it is
/// unambiguous.
fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| (1..=12).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| text.parse().ok()).flatten()
}

fn amount(number: f64) -> Result<Amount, Wrong> {
    Amount::new(number).map_err(|_| "is too large".into())
}

/// A name of something the file itself defines or routes to: a policy, an owner.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident $label:literal,)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) Arc<str>);

        impl FromText for $name {
            const NAME: &'static str = $label;
            const JSON: Json = <ReleaseName as FromText>::JSON;
            const HINT: &'static str = <ReleaseName as FromText>::HINT;

            fn from_text(text: &str) -> Result<Self, Wrong> {
                // One grammar for every name people give.
                let valid = text.parse::<ReleaseName>().is_ok().then(|| Self(text.into()));
                valid.ok_or_else(|| concat!("is not a ", $label).into())
            }
        }
    )*};
}

names! {
    /// Name of a policy.
    PolicyName "policy name",
    /// Name of the owner who is alerted.
    Owner "name of an owner",
}

/// The word of a gate's measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasureName {
    /// One without parameters.
    Simple(&'static SimpleMeasure),
    Quantile(Quantile),
    TailRatio,
    /// With the window in milliseconds.
    BurnRate(u64),
    /// With the window in milliseconds.
    Spend(u64),
}

impl MeasureName {
    /// The words of measures of a time.
    const TIMES: [(&'static str, Self); 4] = [
        ("p50", Self::Quantile(Quantile::P50)),
        ("p95", Self::Quantile(Quantile::P95)),
        ("p99", Self::Quantile(Quantile::P99)),
        ("p99/p50", Self::TailRatio),
    ];

    /// The words that need nothing after them.
    fn words() -> impl Iterator<Item = (&'static str, Self)> {
        let simple = Measure::SIMPLE.iter().map(|simple| (simple.word, Self::Simple(simple)));
        simple.chain(Self::TIMES)
    }
}

impl FromText for MeasureName {
    const NAME: &'static str = "measure";
    const JSON: Json = Json::Pattern(Measure::PATTERN);
    const HINT: &'static str = Measure::HINT;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Some((_, measure)) = Self::words().find(|(word, _)| *word == text) {
            return Ok(measure);
        }
        for (prefix, make) in
            [("burn_rate_", Self::BurnRate as fn(u64) -> Self), ("spend_", Self::Spend)]
        {
            if let Some(window) = text.strip_prefix(prefix) {
                let window: Time = window.parse().map_err(|_| {
                    Wrong::with_hint(
                        "ends in something that is not a duration",
                        format!("write the window it is taken over, like `{prefix}1h`"),
                    )
                })?;
                return Ok(make(window.0.as_millis() as u64));
            }
        }
        let words: Vec<&str> = Self::words().map(|(word, _)| word).collect();
        Err(match suggestion(text, &words) {
            Some(near) => Wrong::with_hint("is not a measure", format!("did you mean `{near}`?")),
            None => "is not a measure".into(),
        })
    }
}

/// The value of `max` or `min`; the measure determines which form is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// `2%`, as 0.02.
    Share(Amount),
    /// `400ms`, as microseconds.
    Time(Amount),
    /// `4.8`.
    Number(Amount),
}

impl FromText for Bound {
    const NAME: &'static str = "limit";
    const JSON: Json = Json::NumberOr("^[0-9]+((\\.[0-9]+)?%?|ms|s|m|h|d)$");
    const HINT: &'static str =
        "write a share like `2%`, a duration like `8s`, or a number like `0.05`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Some(number) = text.strip_suffix('%') {
            let number = decimal(number.trim_end()).ok_or("is not a share")?;
            return Ok(Self::Share(amount(number / 100.0)?));
        }
        if let Some(number) = decimal(text) {
            return Ok(Self::Number(amount(number)?));
        }
        let time: Time = text.parse().map_err(|_| "is not a limit")?;
        Ok(Self::Time(amount(time.0.as_micros() as f64)?))
    }
}

/// The permitted difference to stable: a difference of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margin(pub(crate) Amount);

impl FromText for Margin {
    const NAME: &'static str = "margin";
    const JSON: Json = Json::Pattern("^[0-9]+(\\.[0-9]+)?pp$");
    const HINT: &'static str = "write percentage points, like `1pp` or `0.5pp`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let number = text.strip_suffix("pp").and_then(|it| decimal(it.trim_end()));
        Ok(Self(amount(number.ok_or("is not a margin")? / 100.0)?))
    }
}

/// A multiple of another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio(pub(crate) Amount);

impl FromText for Ratio {
    const NAME: &'static str = "ratio";
    const JSON: Json = Json::NumberOr("^[0-9]+(\\.[0-9]+)?$");
    const HINT: &'static str = "write a number above 1, like `1.2` for a fifth more";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Ok(Self(amount(decimal(text).ok_or("is not a ratio")?)?))
    }
}

/// A probability: `1%` or `0.01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chance(pub(crate) Amount);

impl FromText for Chance {
    const NAME: &'static str = "chance";
    const JSON: Json = Json::NumberOr("^[0-9]+(\\.[0-9]+)?%?$");
    const HINT: &'static str = "write a chance like `1%` or `0.01`";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match Bound::from_text(text) {
            Ok(Bound::Share(chance) | Bound::Number(chance)) => Ok(Self(chance)),
            _ => Err("is not a chance".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Chance, FromText, Margin, MeasureName, Ratio};
    use stagegate_rollout::Amount;

    fn read<T: FromText>(text: &str) -> Option<T> {
        T::from_text(text).ok()
    }

    #[test]
    fn limits_are_exact() {
        let thousandths = Amount::thousandths;
        assert_eq!(read("2%"), Some(Bound::Share(thousandths(20))));
        assert_eq!(read("0.1%"), Some(Bound::Share(thousandths(1))));
        assert_eq!(read("120%"), Some(Bound::Share(thousandths(1200))));
        assert_eq!(read("0.92"), Some(Bound::Number(thousandths(920))));
        assert_eq!(read("400ms"), Some(Bound::Time(Amount::whole(400_000))));
        assert_eq!(read("1pp"), Some(Margin(thousandths(10))));
        assert_eq!(read("0.5pp"), Some(Margin(thousandths(5))));
        assert_eq!(read("1.2"), Some(Ratio(thousandths(1200))));
        assert_eq!(read::<Chance>("1%"), read("0.01"));
        assert_eq!(read("burn_rate_1h"), Some(MeasureName::BurnRate(3_600_000)));
    }

    #[test]
    fn nothing_is_guessed() {
        for text in ["", "%", "-1%", "1e3", "+1", "1,5", ".5", "5.", "8 sec", "inf", "NaN", "99d"] {
            assert_eq!(read::<Bound>(text), None, "{text}");
        }
        for text in ["", "1", "1%", "pp", "1 p", "-1pp"] {
            assert_eq!(read::<Margin>(text), None, "{text}");
        }
        for text in ["", "1.2x", "20%", "-1", "1.2.3"] {
            assert_eq!(read::<Ratio>(text), None, "{text}");
        }
        for text in ["", "p90", "burn_rate", "burn_rate_", "spend_1x", "P99"] {
            assert_eq!(read::<MeasureName>(text), None, "{text}");
        }
        assert_eq!(read::<Chance>("5m"), None);
    }
}
