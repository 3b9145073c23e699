//! The shapes of raw values, from which the JSON Schema and the reference are generated.

/// The form of a value.
pub(crate) enum Shape {
    /// A single value.
    Scalar(Scalar),
    /// One fixed word.
    Word(&'static str),
    /// A mapping with known keys.
    Struct { name: &'static str, doc: String, fields: Vec<Field> },
    /// One of several words or of several one-key mappings.
    Choice { name: &'static str, doc: String, words: Vec<Form>, keys: Vec<Field> },
    /// A list.
    List { item: Box<Shape>, at_least_one: bool },
    /// A mapping whose keys the user chooses.
    Map { key: Box<Shape>, value: Box<Shape> },
    /// A mapping whose keys follow from its `type`.
    Typed { name: &'static str, doc: String, types: Vec<TypeForm> },
    /// The `Typed` of this name, inside of itself.
    Again(&'static str),
    /// A value that another crate reads: what it is called, its JSON Schema and a valid one.
    Foreign { kind: String, schema: serde_json::Value, example: &'static str },
    /// One of several forms.
    Either(Vec<Shape>),
}

/// A single value's form.
pub(crate) struct Scalar {
    /// Its name in messages and tables: `duration`.
    pub(crate) name: &'static str,
    /// Its type in JSON.
    pub(crate) json: Json,
}

/// The type of a single value in JSON Schema.
#[derive(Clone, Copy)]
pub(crate) enum Json {
    Bool,
    /// From, to.
    Integer(u64, u64),
    /// Any text.
    Text,
    /// A text of this form (ECMA 262).
    Pattern(&'static str),
    /// A name of this form, which to YAML may look like a number.
    Name(&'static str),
    /// A whole number from this one on, or a text of this form.
    IntegerOr(u64, &'static str),
    /// A number, or a text of this form.
    NumberOr(&'static str),
    /// The number 0 or a text of this form.
    ZeroOr(&'static str),
}

/// One key of a mapping.
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) doc: String,
    pub(crate) need: Need,
    pub(crate) shape: Shape,
}

/// One type of a `Typed` mapping.
pub(crate) struct TypeForm {
    pub(crate) name: &'static str,
    /// True if `not-` may stand before the name.
    pub(crate) negatable: bool,
    pub(crate) doc: &'static str,
    /// A whole mapping, in one line of YAML.
    pub(crate) example: String,
    /// Number of fields that other types have as well; they come first.
    pub(crate) shared: usize,
    pub(crate) fields: Vec<Field>,
}

/// One word of a choice.
pub(crate) struct Form {
    pub(crate) word: &'static str,
    pub(crate) doc: String,
}

/// If a key is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
    /// Read from this YAML text when the key is absent.
    Default(&'static str),
}

impl Shape {
    /// The form in a few words.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.name.to_owned(),
            Self::Typed { .. } | Self::Again(_) => "mapping with `type`".to_owned(),
            Self::Foreign { kind, .. } => kind.clone(),
            Self::Word(word) => format!("`{word}`"),
            Self::Struct { .. } => "mapping".to_owned(),
            Self::Choice { words, keys, .. } => {
                let words = words.iter().map(|form| format!("`{}`", form.word));
                let keys = keys.iter().map(|field| format!("`{{{}: …}}`", field.key));
                words.chain(keys).collect::<Vec<_>>().join(", ")
            }
            Self::List { item, .. } => match item.as_ref() {
                Self::Scalar(_) | Self::Struct { .. } => format!("list of {}s", item.kind()),
                _ => format!("list of {}", item.kind()),
            },
            Self::Map { key, value } => format!("mapping from {} to {}", key.kind(), value.kind()),
            Self::Either(shapes) => shapes.iter().map(Self::kind).collect::<Vec<_>>().join(" or "),
        }
    }
}
