//! Raw types are declared once; their reader and their shape follow from the declaration.

/// Declares a mapping with known keys. Every field becomes `Option<At<T>>`: absent or unreadable
/// values are `None`. A field is `required`, `optional` or has a `default("…")` in YAML.
macro_rules! raw {
    ($(#[doc = $doc:literal])+ $vis:vis struct $name:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty = $need:ident $(($default:literal))?,)+
    }) => {
        $(#[doc = $doc])+
        $vis struct $name {
            $($(#[doc = $field_doc])+ pub(crate) $field: Option<$crate::read::At<$ty>>,)+
        }

        impl $crate::read::Read for $name {
            fn shape() -> $crate::read::Shape {
                $crate::read::Shape::Struct {
                    name: stringify!($name),
                    doc: $crate::read::doc_text(concat!($($doc, "\n"),+)),
                    fields: vec![$($crate::read::Field {
                        key: $crate::read::key_text(stringify!($field)),
                        doc: $crate::read::doc_text(concat!($($field_doc, "\n"),+)),
                        need: $crate::read::need!($need $(($default))?),
                        shape: <$ty as $crate::read::Read>::shape(),
                    }),+],
                }
            }

            fn read(
                at: &$crate::read::Cursor<'_>,
                cx: &mut $crate::read::Context<'_>,
            ) -> Option<Self> {
                let known = [$($crate::read::key_text(stringify!($field))),+];
                let fields = $crate::read::Fields::open(at, cx, &known)?;
                Some(Self {
                    $($field: fields.read(
                        $crate::read::key_text(stringify!($field)),
                        &$crate::read::need!($need $(($default))?),
                        cx,
                    ),)+
                })
            }
        }
    };
}

/// Declares a section that is read straight into a settings type. Every field has the type it is
/// written in and becomes the setting of the same name by `Into`; an `optional` one becomes an
/// `Option`. `check` sees the values with their places, for problems and warnings.
macro_rules! leaf {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident: $ty:ty = $need:ident $(($default:literal))?,)+
    } $(check |$raw:ident, $cx:ident| $check:block)?) => {
        const _: () = {
            $crate::read::raw! {
                $(#[doc = $doc])+
                struct Written {
                    $($(#[doc = $field_doc])+ $field: $ty = $need $(($default))?,)+
                }
            }

            impl $crate::read::Read for $name {
                fn shape() -> $crate::read::Shape {
                    let mut shape = <Written as $crate::read::Read>::shape();
                    if let $crate::read::Shape::Struct { name, .. } = &mut shape {
                        *name = stringify!($name);
                    }
                    shape
                }

                fn read(
                    at: &$crate::read::Cursor<'_>,
                    cx: &mut $crate::read::Context<'_>,
                ) -> Option<Self> {
                    let written = <Written as $crate::read::Read>::read(at, cx)?;
                    $({
                        let ($raw, $cx) = (&written, &mut *cx);
                        $check
                    })?
                    Some(Self { $($field: $crate::read::setting!($need, written.$field),)+ })
                }
            }
        };
    };
}

/// The setting that a written value becomes.
macro_rules! setting {
    (optional, $at:expr) => {
        $at.map(|at| at.value.into())
    };
    ($need:ident, $at:expr) => {
        $at?.value.into()
    };
}

macro_rules! need {
    (required) => {
        $crate::read::Need::Required
    };
    (optional) => {
        $crate::read::Need::Optional
    };
    (default($text:literal)) => {
        $crate::read::Need::Default($text)
    };
}

/// Declares a value that is one of several words or a mapping with exactly one of several keys.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $vis:vis enum $name:ident {
        words { $($(#[doc = $word_doc:literal])+ $word:literal => $word_variant:ident,)* }
        keys { $($(#[doc = $key_doc:literal])+ $key:literal => $key_variant:ident($ty:ty),)* }
    }) => {
        $(#[doc = $doc])+
        $vis enum $name {
            $($(#[doc = $word_doc])+ $word_variant,)*
            $($(#[doc = $key_doc])+ $key_variant(Box<$crate::read::At<$ty>>),)*
        }

        impl $crate::read::Read for $name {
            fn shape() -> $crate::read::Shape {
                $crate::read::Shape::Choice {
                    name: stringify!($name),
                    doc: $crate::read::doc_text(concat!($($doc, "\n"),+)),
                    words: vec![$($crate::read::Form {
                        word: $word,
                        doc: $crate::read::doc_text(concat!($($word_doc, "\n"),+)),
                    }),*],
                    keys: vec![$($crate::read::Field {
                        key: $key,
                        doc: $crate::read::doc_text(concat!($($key_doc, "\n"),+)),
                        need: $crate::read::Need::Required,
                        shape: <$ty as $crate::read::Read>::shape(),
                    }),*],
                }
            }

            fn read(
                at: &$crate::read::Cursor<'_>,
                cx: &mut $crate::read::Context<'_>,
            ) -> Option<Self> {
                let keys = [$($key),*];
                if !matches!(at.node.content, $crate::read::Content::Map(_)) {
                    let words: &[&str] = &[$($word),*];
                    let found = words.get($crate::read::word(at, cx, words, &keys)?)?;
                    return match *found {
                        $($word => Some(Self::$word_variant),)*
                        _ => None,
                    };
                }
                let (key, value) = $crate::read::one_key(at, cx, &keys)?;
                match key {
                    $($key => $crate::read::Read::read(&value, cx).map(|at| Self::$key_variant(Box::new(at))),)*
                    _ => None,
                }
            }
        }
    };
}

/// Lets a checked enum be read directly by its labels.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $label:expr, { $($(#[doc = $word_doc:literal])+ $variant:ident,)+ }) => {
        impl $crate::read::Read for $name {
            fn shape() -> $crate::read::Shape {
                let label: fn($name) -> &'static str = $label;
                $crate::read::Shape::Choice {
                    name: stringify!($name),
                    doc: $crate::read::doc_text(concat!($($doc, "\n"),+)),
                    words: vec![$($crate::read::Form {
                        word: label($name::$variant),
                        doc: $crate::read::doc_text(concat!($($word_doc, "\n"),+)),
                    }),+],
                    keys: Vec::new(),
                }
            }

            fn read(
                at: &$crate::read::Cursor<'_>,
                cx: &mut $crate::read::Context<'_>,
            ) -> Option<Self> {
                let label: fn($name) -> &'static str = $label;
                let all = [$($name::$variant),+];
                let labels = all.map(label);
                all.get($crate::read::word(at, cx, &labels, &[])?).copied()
            }
        }
    };
}

pub(crate) use {choice, leaf, need, raw, setting, words};

/// A doc comment as running text.
pub(crate) fn doc_text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A field's key: `match` is written `r#match` in Rust.
pub(crate) fn key_text(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}
