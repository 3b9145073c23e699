//! Reads a single value from text, and describes errors.

use crate::read::{Content, Context, Cursor, Json, Read, Scalar, Shape};
use std::borrow::Cow;

/// The reason why a text is not a valid value.
pub(crate) struct Wrong {
    /// `is not a duration`.
    message: Cow<'static, str>,
    /// A correction, if the type's own hint does not fit.
    hint: Option<Cow<'static, str>>,
}

impl Wrong {
    /// A message with a hint of its own.
    pub(crate) fn with_hint(
        message: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    /// The problem and the correction, for values that do not come from a file; `hint` is the
    /// type's own.
    pub(crate) fn in_words(self, hint: &'static str) -> String {
        format!("{}; {}", self.message, self.hint.unwrap_or(Cow::Borrowed(hint)))
    }
}

impl From<&'static str> for Wrong {
    fn from(message: &'static str) -> Self {
        Self { message: message.into(), hint: None }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message: message.into(), hint: None }
    }
}

/// A type that is written as a single value. Messages must not repeat the text: it may come from
/// the environment, and the value as written is shown anyway.
pub(crate) trait FromText: Sized {
    /// Its name: `duration`.
    const NAME: &'static str;
    /// Its type in JSON.
    const JSON: Json;
    /// The correction of a wrong value.
    const HINT: &'static str;
    /// True if messages must not show it.
    const SECRET: bool = false;
    /// True if it is shown to nobody although it is no secret: a hash.
    const HASH: bool = false;

    fn from_text(text: &str) -> Result<Self, Wrong>;
}

impl<T: FromText> Read for T {
    const SECRET: bool = T::SECRET;

    fn shape() -> Shape {
        Shape::Scalar(Scalar { name: T::NAME, json: T::JSON })
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let site = at.site(T::SECRET);
        if T::SECRET {
            cx.secrets.insert(at.path.clone());
        }
        let Content::Scalar { text, .. } = &at.node.content else {
            cx.problem(&site, format!("is {}, not a {}", at.node.kind(), T::NAME), T::HINT);
            return None;
        };
        if T::SECRET && !T::HASH && !text.contains("${") {
            cx.literal.insert(at.path.clone());
        }
        if at.node.is_null() {
            cx.problem(&site, "has no value", T::HINT);
            return None;
        }
        let text = cx.substitute(text, &site)?;
        match T::from_text(&text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                cx.problem(&site, wrong.message, wrong.hint.unwrap_or(Cow::Borrowed(T::HINT)));
                None
            }
        }
    }
}

/// Declares values that are texts of a certain form. Each is written as
/// `Name: "what it is called", its JSON, "what to write instead", "is not …", its form;` where the
/// form makes the value of a text, or nothing.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+
    $name:ident: $label:literal, $json:expr, $hint:expr, $wrong:literal, $form:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone)]
        pub(crate) struct $name(pub(crate) String);

        impl $crate::scalar::from_text::FromText for $name {
            const NAME: &'static str = $label;
            const JSON: $crate::read::Json = $json;
            const HINT: &'static str = $hint;

            fn from_text(text: &str) -> Result<Self, $crate::scalar::from_text::Wrong> {
                let form: fn(&str) -> Option<String> = $form;
                form(text).map(Self).ok_or_else(|| $wrong.into())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+};
}

pub(crate) use texts;
