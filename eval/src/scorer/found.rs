//! The result of one test.

use std::borrow::Cow;

/// What a test found, before its name and its negation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(super) value: Option<f64>,
    pub(super) pass: Option<bool>,
    pub(super) why: Cow<'static, str>,
}

impl Found {
    pub(super) fn binary(pass: bool, why: impl Into<Cow<'static, str>>) -> Self {
        Self { value: Some(f64::from(u8::from(pass))), pass: Some(pass), why: why.into() }
    }

    /// A verdict whose reason is told only where it is bad.
    pub(super) fn judged(pass: bool, why: impl FnOnce() -> String) -> Self {
        Self::binary(pass, if pass { String::new() } else { why() })
    }

    pub(super) fn unscored(why: impl Into<Cow<'static, str>>) -> Self {
        Self { value: None, pass: None, why: why.into() }
    }
}
