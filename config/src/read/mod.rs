//! The checked reader: walks the tree a YAML text becomes, turns it into raw types and reports every
//! problem on the way instead of stopping at the first.
//!
//! A value that could not be read is `None`, and then its problem is already reported; so later
//! checks simply skip what is not there.

mod context;
mod cursor;
mod env;
mod fields;
mod macros;
mod node;
mod shape;
mod yaml;

pub(crate) use context::Context;
pub(crate) use cursor::{At, Cursor, Site, join, shown};
pub(crate) use fields::{Fields, one_key, unique_entries, word};
pub(crate) use macros::{choice, doc_text, key_text, need, raw, words};
pub(crate) use node::{Content, Mark, Node};
pub(crate) use shape::{Field, Form, Json, Need, Scalar, Shape, TypeForm};
pub(crate) use stagegate_eval::suggestion;
pub(crate) use yaml::parse;

/// A type that can be read from the tree and that can say what it looks like.
pub(crate) trait Read: Sized {
    /// Whether messages must not show the value.
    const SECRET: bool = false;

    /// What the value looks like, for the schema and the reference.
    fn shape() -> Shape;

    /// The value, or `None` when something was wrong with it, which is then reported.
    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self>;
}

impl<T: Read> Read for At<T> {
    const SECRET: bool = T::SECRET;

    fn shape() -> Shape {
        T::shape()
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let value = T::read(at, cx)?;
        Some(Self { value, site: at.site(T::SECRET) })
    }
}

/// A list; items that could not be read are left out (and reported). A list of which nothing is left
/// counts as unreadable, so that it is not taken for an empty one.
impl<T: Read> Read for Vec<At<T>> {
    fn shape() -> Shape {
        Shape::List { item: Box::new(T::shape()), at_least_one: false }
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        if at.node.is_null() {
            return Some(Vec::new());
        }
        let Content::List(items) = &at.node.content else {
            let message = format!("is {}, not a list", at.node.kind());
            let site = at.site(true).without_value();
            cx.problem(&site, message, "write `[first, second]` or one `- item` a line");
            return None;
        };
        let read = items.iter().enumerate();
        let read: Self =
            read.filter_map(|(index, node)| At::read(&at.item(index, node), cx)).collect();
        (items.is_empty() || !read.is_empty()).then_some(read)
    }
}

/// A list that has at least one item.
pub(crate) struct NonEmpty<T>(pub(crate) Vec<At<T>>);

impl<T: Read> Read for NonEmpty<T> {
    fn shape() -> Shape {
        Shape::List { item: Box::new(T::shape()), at_least_one: true }
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        if matches!(&at.node.content, Content::List(items) if items.is_empty()) {
            let hint = format!("write at least one {}", T::shape().kind());
            cx.problem(&at.site(false), "is empty", hint);
            return None;
        }
        Vec::read(at, cx).map(Self)
    }
}

/// A mapping whose keys are names the user chooses, in the order of the file.
pub(crate) struct Map<K, V>(pub(crate) Vec<(At<K>, At<V>)>);

impl<K: Read, V: Read> Read for Map<K, V> {
    fn shape() -> Shape {
        Shape::Map { key: Box::new(K::shape()), value: Box::new(V::shape()) }
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let entries = fields::unique_entries(at, cx)?;
        let (mut out, empty) = (Vec::with_capacity(entries.len()), entries.is_empty());
        for (key, node) in entries {
            let here = at.value(&key.text, key.mark, node);
            // A key is read as if it were a value, so that both share one grammar and one message.
            let text = Content::Scalar { text: key.text.clone(), plain: false };
            let name = Node { mark: key.mark, content: text, size: 1, depth: 1 };
            let name =
                At::read(&Cursor { node: &name, mark: key.mark, path: here.path.clone() }, cx);
            let value = At::read(&here, cx);
            if let (Some(name), Some(value)) = (name, value) {
                out.push((name, value));
            }
        }
        (empty || !out.is_empty()).then_some(Self(out))
    }
}

/// A setting that can be switched off with the word `off`.
pub(crate) enum OrOff<T> {
    Off,
    On(T),
}

impl<T: Read> Read for OrOff<T> {
    fn shape() -> Shape {
        Shape::Either(vec![T::shape(), Shape::Word("off")])
    }

    fn read(at: &Cursor<'_>, cx: &mut Context<'_>) -> Option<Self> {
        match &at.node.content {
            Content::Scalar { text, .. } if text == "off" => Some(Self::Off),
            _ => T::read(at, cx).map(Self::On),
        }
    }
}
