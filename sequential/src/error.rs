//! The one way in which input can be wrong here: a number outside its range.

/// A number that a test cannot be built or fed with.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("`{key}` is {value}: it must be {expected}")]
pub struct InvalidParameter {
    /// The parameter's name.
    pub key: &'static str,
    /// The given value.
    pub value: f64,
    /// A description of valid values.
    pub expected: &'static str,
}

impl InvalidParameter {
    /// `Ok(value)` if `holds`, which is false for everything that is not a number.
    pub(crate) fn unless(
        holds: bool,
        key: &'static str,
        value: f64,
        expected: &'static str,
    ) -> Result<f64, Self> {
        if holds { Ok(value) } else { Err(Self { key, value, expected }) }
    }

    /// `Ok(value)` if it lies strictly between 0 and 1.
    pub(crate) fn unless_inside_unit(key: &'static str, value: f64) -> Result<f64, Self> {
        Self::unless(value > 0.0 && value < 1.0, key, value, "above 0 and below 1")
    }

    /// `Ok(value)` if it is from 0 to 1, both ends with it.
    pub(crate) fn unless_unit(key: &'static str, value: f64) -> Result<f64, Self> {
        Self::unless((0.0..=1.0).contains(&value), key, value, "from 0 to 1")
    }

    /// `Ok(value)` if it is a positive number.
    pub(crate) fn unless_positive(key: &'static str, value: f64) -> Result<f64, Self> {
        Self::unless(value > 0.0 && value.is_finite(), key, value, "a number above 0")
    }
}
