//! Lists, mappings with names of the user's choice, and sections that can be switched off.

use super::context::Context;
use super::cursor::{At, Cursor};
use super::fields::unique_entries;
use super::node::{Content, Node};
use super::shape::Shape;
use super::value::Read;
use std::collections::BTreeMap;

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
        let entries = unique_entries(at, cx)?;
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

impl<T: Into<S>, S> From<NonEmpty<T>> for Vec<S> {
    fn from(list: NonEmpty<T>) -> Self {
        list.0.into_iter().map(|at| at.value.into()).collect()
    }
}

impl<K: Into<A>, V: Into<B>, A: Ord, B> From<Map<K, V>> for BTreeMap<A, B> {
    fn from(map: Map<K, V>) -> Self {
        map.0.into_iter().map(|(key, value)| (key.value.into(), value.value.into())).collect()
    }
}

impl<T> OrOff<T> {
    /// The section, or `None` when it is switched off.
    pub(crate) fn on(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}
